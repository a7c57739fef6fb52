const colours = {
  light: ["#0068a8", "#c24e00", "#00805c", "#a8437f", "#8a6a00", "#1f8fd1", "#6b4fa3", "#5f6b76"],
  dark: ["#5db4ee", "#ff9d5c", "#3fd0a2", "#ee96cb", "#e6c14a", "#a9d8f7", "#b8a1ec", "#b4bec8"],
};
const shades = { light: ["#f5f7f9", "#9fd3bd", "#00805c", "#00392a"], dark: ["#1d2226", "#0f5a45", "#3fd0a2", "#d8fff0"] };
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const PAPER = { width: 680, height: 330 }; // pixels: what fits between the margins of A4
let drawn = {}, printing = false;

function looks() {
  const css = getComputedStyle(document.documentElement), bright = !dark.matches;
  const of = (name) => css.getPropertyValue(name).trim();
  return printing
    ? { ink: "#1c2024", rule: "#d9dee3", panel: "#ffffff", palette: colours.light, shades: shades.light }
    : { ink: of("--ink"), rule: of("--rule"), panel: of("--panel"),
        palette: colours[bright ? "light" : "dark"], shades: shades[bright ? "light" : "dark"] };
}

function dress(trace, look) {
  const colour = look.palette[((trace.meta || {}).colour || 0) % look.palette.length];
  if (trace.type === "heatmap")
    return { ...trace, colorscale: look.shades.map((shade, i) => [i / (look.shades.length - 1), shade]) };
  if (trace.type === "sankey") {
    const of = (index) => look.palette[index % look.palette.length];
    return { ...trace, node: { ...trace.node, color: trace.node.meta.map(of), line: { width: 0 } },
      link: { ...trace.link, color: trace.link.meta.map((index) => of(index) + "66") } };
  }
  const dressed = { ...trace, marker: { ...trace.marker, color: colour } };
  if (trace.line) dressed.line = { ...trace.line, color: trace.line.color || colour };
  if (trace.fill) dressed.fillcolor = colour + "33";
  if (trace.marker && trace.marker.line) dressed.marker.line = { ...trace.marker.line, color: look.ink };
  return dressed;
}

function draw(id, figure) {
  const look = looks();
  const layout = { ...figure.layout, paper_bgcolor: look.panel, plot_bgcolor: look.panel,
    font: { color: look.ink, family: "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif" },
    hoverlabel: { bgcolor: look.panel, bordercolor: look.rule, font: { color: look.ink } } };
  for (const axis of Object.keys(figure.layout).filter((key) => /^[xy]axis/.test(key)))
    layout[axis] = { ...figure.layout[axis], gridcolor: look.rule, linecolor: look.rule, zerolinecolor: look.ink };
  if (layout.shapes) layout.shapes = layout.shapes.map((shape) => ({ ...shape, fillcolor: look.ink + "20",
    label: { ...shape.label, font: { color: look.ink, size: 12 } } }));
  const narrow = document.getElementById(id).clientWidth < 480, entries = figure.data.length;
  if (narrow && layout.showlegend !== false && entries > 3) layout.height = figure.layout.height + 19 * (entries - 3);
  if (printing) Object.assign(layout, PAPER, { legend: { ...layout.legend, font: { size: 10 } },
    height: Math.min(figure.layout.height, PAPER.height) + (layout.legend ? 8 * Math.max(0, entries - 4) : 0) });
  const redraws = figure.data[0].type === "sankey"; // the bands of its second drawing come later, when paper is printed
  return Plotly[redraws ? "newPlot" : "react"](id, figure.data.map((trace) => dress(trace, look)), layout,
    { displaylogo: false, displayModeBar: false });
}

function visible(id) {
  return document.getElementById(id).clientWidth > 0;
}

function drawAll() {
  for (const [id, figure] of Object.entries(drawn)) {
    watch.observe(document.getElementById(id));
    if (visible(id)) draw(id, figure);
  }
}

const watch = new ResizeObserver((seen) => seen.forEach((each) => {
  if (!printing && each.target.clientWidth && each.target.data) Plotly.Plots.resize(each.target);
}));
dark.addEventListener("change", drawAll);
let closed = [];
window.addEventListener("beforeprint", () => {
  printing = true;
  closed = [...document.querySelectorAll(".run[hidden], details.long:not([open])")]; // paper shows every run
  for (const each of closed) { each.hidden = false; if (each.tagName === "DETAILS") each.open = true; }
  drawAll();
});
window.addEventListener("afterprint", () => {
  printing = false;
  for (const each of closed) { if (each.tagName === "DETAILS") each.open = false; else each.hidden = true; }
  drawAll();
});
