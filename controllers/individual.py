"""Each apartment by itself: its own bill, its own sale, and no idea of sharing.

What apartments have in common is the money for shared energy. Without it, the community's optimisation falls
apart into one of its own for every delivery point: nothing that one of them decides stands in a row or a
price of another. One linear programme without that money is therefore solved for all, and its optimum is an
optimum of each apartment. Where an apartment has several optima, it takes one of them; the others do not
depend on which. Delivery points without anything to control (common services, a roof plant with a meter of
its own) decide nothing, here as in any controller.

It is what a home energy manager does that knows the tariff, its own plant and its own forecast, and the
reference against which cooperation is measured, as in

    A. Fleischhacker, H. Auer, G. Lettner, A. Botterud, "Sharing solar PV and energy storage in apartment
    buildings: resource allocation and pricing", IEEE Transactions on Smart Grid 10 (2019) 3963-3973.
"""

from dataclasses import replace

from recosim.contracts import Community, Forecast, Observation, Setpoints, SharedTranche
from recosim.controllers.community_model import CommunityModel, OptimisationModel
from recosim.controllers.horizon import Horizon
from recosim.controllers.mpc import Mpc


class MpcIndividual(Mpc):
    """Each apartment minimises its own cost; what sharing would pay is unknown to it.

    Model, horizon, comfort band, prices of comfort and wear, and the value of what is stored at the end are
    those of `Mpc`, whose options it takes. Waiting cycles of appliances are put where they cost their own
    apartment least.
    """

    def _make_model(
        self, community: Community, horizon: Horizon, tranches: tuple[SharedTranche, ...]
    ) -> OptimisationModel:
        return CommunityModel(community, horizon, ())

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Solve every apartment's horizon and ask for its first step."""
        return super().decide(observation, replace(forecast, shared=()))
