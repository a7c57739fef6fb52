const DAYS = 7;
const byId = (name, run) => document.getElementById(`${name}-${run}`);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

async function unpack(week) {
  const bytes = Uint8Array.from(atob(week.packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer()), n = planes.length / 4;
  const sorted = new Uint8Array(planes.length);
  for (let place = 0; place < 4; place++)
    for (let i = 0; i < n; i++) sorted[4 * i + place] = planes[place * n + i];
  const numbers = new Float32Array(sorted.buffer);
  const opened = (series) => series && { ...series,
    hours: numbers.subarray(series.hours[0], series.hours[0] + series.hours[1]),
    steps: numbers.subarray(series.steps[0], series.steps[0] + series.steps[1]) };
  week.power = week.power.map(opened);
  week.batteries = week.batteries.map(opened);
  week.outdoor = opened(week.outdoor);
  week.dwellings = week.dwellings.map((each) => ({ label: each.label, temp: opened(each.temp), low: opened(each.low),
    high: opened(each.high) }));
  delete week.packed;
}

function localTime(week, time) {
  let offset = 0;
  for (const [from, seconds] of week.offsets) if (time >= from) offset = seconds;
  return new Date((time + offset) * 1000);
}

function span(week, first) {
  const starts = week.day_starts;
  return [starts[first], starts[Math.min(first + DAYS, starts.length - 1)]];
}

/* Points of a week: steps where the file holds them, hours elsewhere. */
function points(week, series, first) {
  const [from, to] = span(week, first), x = [], y = [], hours = [];
  const fineEnd = week.fine_start + series.steps.length * week.step_s;
  let energy = 0, above = 0;
  for (let time = from; time < to;) {
    const fine = time >= week.fine_start && time < fineEnd;
    const value = fine ? series.steps[(time - week.fine_start) / week.step_s]
      : series.hours[Math.floor((time - week.start) / week.hour_s)];
    const until = fine ? time + week.step_s : time + week.hour_s - ((time - week.start) % week.hour_s);
    x.push(localTime(week, time).toISOString().slice(0, 16));
    y.push(Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null);
    const part = Number.isFinite(value) ? value * (Math.min(until, to) - time) / week.hour_s : 0;
    energy += part;
    above += Math.max(part, 0);
    time = until;
  }
  return { x, y, energy, above };
}

function line(label, found, unit, colour, dash, more) {
  return { type: "scatter", mode: "lines", name: label, x: found.x, y: found.y, connectgaps: false, meta: { colour },
    line: { shape: "hv", width: 1.8, dash: dash || "solid" }, hovertemplate: `%{y:.2f} ${unit}`, ...more };
}

function laidOut(week, first, title, range) {
  const [from, to] = span(week, first).map((time) => localTime(week, time).toISOString().slice(0, 16));
  return { xaxis: { type: "date", range: [from, to], automargin: true, ...ticks(week, first) },
    yaxis: { title: { text: title }, automargin: true, zeroline: true, range },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, margin: { l: 10, r: 10, t: 10, b: 10 }, height: 420,
    hovermode: "x unified", showlegend: true };
}

function ticks(week, first) {
  const days = Math.min(DAYS, week.day_starts.length - 1 - first);
  if (days <= 2) return { tickformat: "%H:%M<br>%a %-d %b", nticks: 5 };
  return { tickformat: "%a %-d %b", dtick: 86400000 * (window.innerWidth < 600 ? 2 : 1) };
}

function limits(all) {
  let low = Infinity, high = -Infinity;
  for (const series of all) for (const part of [series.hours, series.steps])
    for (const value of part) { if (value < low) low = value; if (value > high) high = value; }
  const margin = 0.04 * (high - low || 1);
  return [Math.min(low, 0) - (low < 0 ? margin : 0), high + margin];
}

function show(run) {
  const week = weeks[run], slider = byId("slider", run), first = Number(slider.value);
  const [from, to] = span(week, first), last = new Date(localTime(week, to - 1));
  const dates = `${day.format(localTime(week, from))} to ${day.format(last)}`;
  byId("shown", run).textContent = dates;
  slider.setAttribute("aria-valuetext", dates);
  byId("back", run).disabled = first === 0;
  byId("on", run).disabled = first >= Number(slider.max);
  const dashes = ["solid", "solid", "solid", "dash", "dot", "dashdot", "dash", "dot"];
  const power = week.power.map((series) => [series.label, points(week, series, first)]);
  const told = power.map(([label, found]) => energies(label, found)).join(", ");
  const faults = faultsIn(week, first);
  const failed = faults.length ? ` Out of order: ${faults.map((each) => `${each.who}: ${each.what}, ${each.from} to ${each.to}`)
    .join("; ")}.` : "";
  byId("told", run).textContent = `${dates}: ${told}.${failed}`;
  week.limits = week.limits || limits(week.power);
  put("power", run, `Power of the community, ${dates}: ${told}.${failed}`, {
    data: power.map(([label, found], i) => line(label, found, "kW", i, dashes[i % dashes.length])),
    layout: shaded(laidOut(week, first, "power [kW]", week.limits), week, first, faults) });
  if (week.dwellings.length) showDwelling(run, week, first, dates);
  if (week.batteries.length) showBattery(run, week, first, dates);
}

const SIGNED = { batteries: ["into batteries", "out of batteries"], grid: ["net from the grid", "net to the grid"] };

function energies(label, found) {
  const words = SIGNED[Object.keys(SIGNED).find((start) => label.startsWith(`${start} (`))];
  const kwh = (energy) => `${whole.format(energy)} kWh`;
  return words ? `${words[0]} ${kwh(found.above)}, ${words[1]} ${kwh(found.above - found.energy)}`
    : `${label} ${kwh(found.energy)}`;
}

/* What was out of order in a week. */
function faultsIn(week, first) {
  const [from, to] = span(week, first);
  return week.faults.filter((each) => each.start < to && each.end > from);
}

/* Spans of faults behind the lines, each with its number. */
function shaded(layout, week, first, faults) {
  const [from, to] = span(week, first);
  const local = (time) => localTime(week, Math.min(Math.max(time, from), to)).toISOString().slice(0, 16);
  layout.shapes = faults.map((each, row) => ({ type: "rect", xref: "x", yref: "paper", layer: "below", line: { width: 0 },
    x0: local(each.start), x1: local(each.end), y0: 0, y1: 1,
    label: { text: `${each.number}`, textposition: row % 2 ? "bottom left" : "top left" } }));
  return layout;
}

function put(name, run, alt, figure) {
  const id = `${name}-${run}`;
  document.getElementById(id).setAttribute("aria-label", alt);
  drawn[id] = figure;
  if (visible(id)) { watch.observe(document.getElementById(id)); draw(id, figure); }
}

/* A name as it is, not as markup. */
const literal = (name) => name.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const known = (values) => values.filter((value) => value !== null);
const range = (values) => `${Math.min(...known(values)).toFixed(1)} to ${Math.max(...known(values)).toFixed(1)}`;

function showDwelling(run, week, first, dates) {
  const dwelling = week.dwellings[Number(byId("dwelling", run).value)];
  const temp = points(week, dwelling.temp, first), traces = [];
  for (const [edge, label, fill] of [["low", "band, lower edge"], ["high", "band, upper edge", "tonexty"]])
    if (dwelling[edge]) {
      const found = points(week, dwelling[edge], first);
      if (known(found.y).length) traces.push(line(label, found, "degC", 2, "dot", fill && traces.length ? { fill } : {}));
    }
  traces.push(line(`${literal(dwelling.label)}, operative`, temp, "degC", 1));
  if (week.outdoor) traces.push(line("outdoor air", points(week, week.outdoor, first), "degC", 7, "dash"));
  const edges = traces.length > (week.outdoor ? 2 : 1) ? "" : " In this season no band is asked for.";
  put("temp", run, `Operative temperature of ${dwelling.label}, ${dates}: ${range(temp.y)} degC.${edges}`,
    { data: traces, layout: shaded(laidOut(week, first, "temperature [degC]"), week, first, faultsIn(week, first)
      .filter((each) => !each.member || each.member === dwelling.label)) });
}

const touchesBattery = (fault) => ["battery_trip", "link_down"].includes(fault.kind);

function showBattery(run, week, first, dates) {
  const together = byId("battery", run).value === "0";
  const battery = week.batteries[Number(byId("battery", run).value)], found = points(week, battery, first);
  put("stored", run, `Energy in the batteries, ${battery.label}, ${dates}: ${range(found.y)} kWh.`,
    { data: [line(literal(battery.label), found, "kWh", 0)],
      layout: shaded(laidOut(week, first, "stored energy [kWh]", limits([battery])), week, first, faultsIn(week, first)
        .filter((each) => !each.member || each.member === battery.label || (together && touchesBattery(each)))) });
}

function begin(run) {
  const slider = byId("slider", run);
  const move = (days) => { slider.value = Number(slider.value) + days; show(run); };
  slider.addEventListener("input", () => show(run));
  byId("back", run).addEventListener("click", () => move(-DAYS));
  byId("on", run).addEventListener("click", () => move(DAYS));
  byId("bar", run).hidden = slider.max === "0";
  for (const name of ["dwelling", "battery"])
    if (byId(name, run)) byId(name, run).addEventListener("change", () => show(run));
  show(run);
}

/* A fault in the middle of a week, where the run is long enough. */
function showFault(button) {
  const run = Number(button.dataset.run), week = weeks[run], time = Number(button.dataset.time);
  const day = week.day_starts.findLastIndex((start) => start <= time);
  byId("slider", run).value = Math.max(0, day - 2);
  show(run);
  byId("week-head", run).focus();
}

async function start() {
  if (window.innerWidth < 600) document.querySelectorAll("details.long").forEach((each) => { each.open = false; });
  document.querySelectorAll("button[data-time]").forEach((each) => each.addEventListener("click", () => showFault(each)));
  Object.assign(drawn, plots);
  drawAll();
  for (const [run, week] of weeks.entries()) { await unpack(week); begin(run); }
  const chooser = document.getElementById("run");
  if (chooser) chooser.addEventListener("change", () => {
    document.querySelectorAll(".run").forEach((each) => { each.hidden = each.id !== `run-${chooser.value}`; });
    drawAll();
  });
  document.documentElement.dataset.ready = "yes";
}
start();
