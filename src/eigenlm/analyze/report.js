// The page's state lives in the address: #matrix=NAME&sort=-KEY&filter=TEXT&measure=KEY. Setting it redraws what changed.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const matrices = new Map(data.matrices.map((matrix) => [matrix.name, matrix]));
const byId = (id) => document.getElementById(id);
const full = (matrix) => Math.min(matrix.rows, matrix.columns);
const percent = (share) => (100 * share).toFixed(1) + "%";
const short = (value) => (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential(0) : Number(value.toPrecision(3)).toLocaleString("en"));

// ---- state ---------------------------------------------------------------------------------------------------------

function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const measure = given.get("measure");
  return {
    matrix: matrices.has(given.get("matrix")) ? given.get("matrix") : data.start,
    sort: given.get("sort") ?? "",
    filter: given.get("filter") ?? "",
    measure: measure in measures ? measure : Object.keys(measures)[0],
  };
}

function setState(change) {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(change)) value ? given.set(key, value) : given.delete(key);
  history.replaceState(null, "", "#" + given);
  draw();
}

// ---- the map -------------------------------------------------------------------------------------------------------

const measures = {
  stable_rank: { text: "Stable rank", of: (m) => m.stable_rank, log: true, show: short },
  effective_rank: { text: "Effective rank, of full", of: (m) => m.effective_rank / full(m), show: percent },
  rank_99: { text: "Rank for 99% of the energy, of full", of: (m) => m.rank_99 / full(m), show: percent },
  condition_number: { text: "Condition", of: (m) => m.condition_number, log: true, show: (v) => (v === null ? "∞" : short(v)) },
};
if (data.matrices.some((m) => m.plan)) {
  const kept = (m) => (m.plan ? m.plan.num_params / (m.rows * m.columns) : null);
  measures.planned_share = { text: "Parameters the plan keeps", of: kept, show: (v) => (v === null ? "not in the plan" : percent(v)) };
}
const ramp = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));

function colour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const left = Math.min(Math.floor(at), ramp.length - 2);
  return `rgb(${ramp[left].map((from, i) => Math.round(from + (ramp[left + 1][i] - from) * (at - left))).join(" ")})`;
}

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const cells = new Map();

function cell(matrix) {
  const button = element("button", { type: "button", className: "cell", tabIndex: -1, onclick: () => setState({ matrix: matrix.name }) });
  button.onmouseenter = button.onfocus = () => (byId("map-readout").textContent = button.title);
  cells.set(matrix.name, button);
  return button;
}

function buildMap() {
  const layered = data.matrices.filter((matrix) => matrix.layer !== null);
  const kinds = [...new Set(layered.map((matrix) => matrix.kind))];
  const layers = [...new Set(layered.map((matrix) => matrix.layer))].sort((a, b) => a - b);
  const every = layers.length > 40 ? 8 : layers.length > 16 ? 4 : 1;
  const head = layers.map((layer) => element("th", { scope: "col", textContent: layer % every ? "" : layer }));
  const rows = kinds.map((kind) => {
    const here = new Map(layered.filter((matrix) => matrix.kind === kind).map((matrix) => [matrix.layer, matrix]));
    const label = element("th", { scope: "row", textContent: kind.replace(/^[^*]*\*\./, ""), title: kind });
    return element("tr", {}, [label, ...layers.map((layer) => element("td", {}, here.has(layer) ? [cell(here.get(layer))] : []))]);
  });
  byId("map").append(element("thead", {}, [element("tr", {}, [element("th", { scope: "row", textContent: "layer" }), ...head])]), element("tbody", {}, rows));
  byId("map").hidden = !layered.length;
  byId("map").onkeydown = moveOnMap;
  for (const matrix of data.matrices.filter((matrix) => matrix.layer === null)) {
    const button = cell(matrix);
    button.tabIndex = 0;
    byId("map-others").append(element("label", {}, [button, matrix.name]));
  }
  for (const [key, measure] of Object.entries(measures)) {
    byId("measures").append(element("button", { type: "button", textContent: measure.text, value: key, onclick: () => setState({ measure: key }) }));
  }
}

function moveOnMap(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const from = event.target.closest("td");
  if (!step || !from) return;
  event.preventDefault();
  const row = from.parentElement.parentElement.rows[from.parentElement.sectionRowIndex + step[0]];
  row?.cells[from.cellIndex + step[1]]?.querySelector("button")?.focus();
}

function drawMap(state) {
  const measure = measures[state.measure];
  const scale = measure.log ? Math.log : (value) => value;
  const values = data.matrices.map(measure.of).filter((value) => value !== null && (value > 0 || !measure.log));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  for (const [name, button] of cells) {
    const value = measure.of(matrices.get(name));
    const share = value === null ? 1 : (scale(value) - scale(low)) / (scale(high) - scale(low) || 1);
    const known = value !== null || state.measure === "condition_number";
    button.style.background = known ? colour(share) : "";
    button.title = `${name}: ${measure.text.toLowerCase()} ${measure.show(value)}`;
    button.setAttribute("aria-label", button.title);
    button.setAttribute("aria-pressed", name === state.matrix);
    if (matrices.get(name).layer !== null) button.tabIndex = name === state.matrix ? 0 : -1;
  }
  if (![...cells.values()].some((button) => button.tabIndex === 0 && button.closest("td"))) {
    byId("map").querySelector("button")?.setAttribute("tabindex", "0");
  }
  for (const button of byId("measures").children) button.setAttribute("aria-pressed", button.value === state.measure);
  byId("measure-definition").textContent = definition(state.measure);
  byId("legend-low").textContent = measure.show(low);
  byId("legend-high").textContent = measure.show(high) + (measure.log ? " (logarithmic)" : "");
  byId("map-readout").textContent = cells.get(state.matrix)?.title ?? "";
}

function definition(key) {
  return document.querySelector(`#matrices th[data-key="${key}"] button`)?.title ?? "";
}

// ---- the table -----------------------------------------------------------------------------------------------------

const body = byId("matrices").tBodies[0];
const original = [...body.rows];

function drawTable(state) {
  const descending = state.sort.startsWith("-");
  const key = state.sort.replace(/^-/, "");
  const heads = [...byId("matrices").tHead.rows[0].cells];
  const column = heads.findIndex((head) => head.dataset.key === key);
  heads.forEach((head, i) => (i === column ? head.setAttribute("aria-sort", descending ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const order = column < 0 ? original : [...original].sort((a, b) => value(a).localeCompare(value(b), "en", { numeric: true }));
  if (column >= 0 && original[0]?.cells[column].dataset.value) order.sort((a, b) => Number(value(a)) - Number(value(b)));
  if (column >= 0 && descending) order.reverse();
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of order) {
    const text = row.cells[0].textContent.toLowerCase() + " " + row.cells[2].textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    row.setAttribute("aria-selected", row.dataset.name === state.matrix);
    shown += !row.hidden;
  }
  if (order.some((row, i) => row !== body.rows[i])) body.append(...order); // moving a row would take its focus away
  if (byId("filter").value !== state.filter) byId("filter").value = state.filter;
  byId("count").textContent = shown === original.length ? `${shown} matrices` : `${shown} of ${original.length} matrices`;
}

function step(by) {
  const rows = [...body.rows].filter((row) => !row.hidden);
  const at = rows.findIndex((row) => row.dataset.name === readState().matrix);
  const next = rows[(at + by + rows.length) % rows.length];
  if (next) setState({ matrix: next.dataset.name });
}

// ---- charts --------------------------------------------------------------------------------------------------------

async function loadPlotly() {
  const packed = Uint8Array.from(atob(byId("plotly").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(element("script", { textContent: await new Response(stream).text() }));
}

function layout(xTitle, yTitle, more = {}) {
  const style = getComputedStyle(document.body);
  const [ink, soft, grid] = ["--ink", "--soft", "--grid"].map((name) => style.getPropertyValue(name));
  const axis = { gridcolor: grid, zeroline: false, linecolor: grid, tickfont: { color: soft }, automargin: true };
  return {
    margin: { l: 8, r: 12, t: 10, b: 8 }, showlegend: false, hovermode: "closest", paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: style.fontFamily, size: 13, color: ink },
    ...more,
    xaxis: { ...axis, title: { text: xTitle, font: { size: 13, color: soft } }, ...more.xaxis }, yaxis: { ...axis, title: { text: yTitle, font: { size: 13, color: soft } }, ...more.yaxis },
  };
}

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plot = (id, traces, shape) => Plotly.react(byId(id), traces, shape, { responsive: true, displayModeBar: false });

function marks(matrix) {
  const line = (rank, text, colour, dash, y) => ({ rank, text, colour, dash, y });
  const lines = [line(matrix.rank_90, "90%", colourOf("--soft"), "dot", 0.1), line(matrix.rank_99, "99%", colourOf("--soft"), "dot", 0.1)];
  if (matrix.plan?.rank) lines.push(line(matrix.plan.rank, `kept ${matrix.plan.rank}`, colourOf("--mark"), "solid", 0.2));
  return {
    shapes: lines.map((m) => ({ type: "line", x0: m.rank, x1: m.rank, yref: "paper", y0: 0, y1: 1, line: { color: m.colour, width: 1.5, dash: m.dash } })),
    annotations: lines.map((m) => ({ x: m.rank, y: m.y, yref: "paper", text: m.text, showarrow: false, xanchor: m.rank > 0.85 * full(matrix) ? "right" : "left", yanchor: "top", font: { size: 12, color: m.colour } })),
  };
}

// 1, 2, 5, 10 ... over few decades, powers of ten over many; numbers in full where they are readable.
function logTicks(sigma) {
  const positive = sigma.filter((value) => value > 0);
  if (!positive.length) return {};
  const [low, high] = [Math.floor(Math.log10(Math.min(...positive))), Math.ceil(Math.log10(Math.max(...positive)))];
  const every = Math.max(1, Math.ceil((high - low) / 8));
  const values = [];
  for (let power = low; power <= high; power += every) {
    for (const digit of high - low > 3 ? [1] : [1, 2, 5]) values.push(digit * 10 ** power);
  }
  return { tickvals: values, ticktext: values.map(short) };
}

function drawSpectrum(matrix) {
  const rank = matrix.spectrum.rank;
  const positive = (sigma) => sigma.map((value) => (value > 0 ? value : null));
  const others = data.matrices.filter((other) => other.kind === matrix.kind && other !== matrix).slice(0, 80);
  const grey = { x: [], y: [], mode: "lines", line: { color: colourOf("--other"), width: 0.6 }, opacity: 0.8, hoverinfo: "skip", connectgaps: false };
  for (const other of others) {
    grey.x.push(...other.spectrum.rank, null);
    grey.y.push(...positive(other.spectrum.sigma), null);
  }
  const blue = { color: colourOf("--accent"), width: 2.4 };
  plot("sigma-chart", [grey, { x: rank, y: positive(matrix.spectrum.sigma), mode: rank.length > 1 ? "lines" : "markers", line: blue, hovertemplate: "σ<sub>%{x}</sub> = %{y:.4g}<extra></extra>" }],
    layout("i", "", { yaxis: { type: "log", ...logTicks(matrix.spectrum.sigma) }, ...marks(matrix) }));
  plot("energy-chart", [{ x: rank, y: matrix.spectrum.energy, mode: rank.length > 1 ? "lines" : "markers", fill: "tozeroy", fillcolor: colourOf("--accent") + "1f", line: blue, hovertemplate: "rank %{x} keeps %{y:.2%}<extra></extra>" }],
    layout("rank", "", { yaxis: { range: [0, 1.02], tickformat: ".0%" }, ...marks(matrix) }));
}

function drawPlan(selected) {
  const planned = data.matrices.filter((matrix) => matrix.plan);
  if (!planned.length) return;
  const kinds = [...new Set(planned.map((matrix) => matrix.kind))];
  planned.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  const kept = (matrix) => matrix.plan.rank ?? full(matrix);
  const x = planned.map((_, i) => i);
  const text = planned.map((m) => `${m.name}<br>${m.plan.rank === null ? "dense" : "rank " + m.plan.rank} of ${full(m)}`).map(escapeText);
  const bar = { x, type: "bar", text, textposition: "none", hovertemplate: "%{text}<extra></extra>" };
  const colours = planned.map((m) => colourOf(m === selected ? "--mark" : m.plan.rank === null ? "--pale" : "--accent"));
  const starts = kinds.map((kind) => planned.findIndex((matrix) => matrix.kind === kind));
  const middles = starts.map((start, i) => (start + (starts[i + 1] ?? planned.length) - 1) / 2);
  const names = kinds.map((kind) => kind.split(".").slice(-1)[0]).map(escapeText);
  plot("plan-chart", [{ ...bar, y: planned.map(full), marker: { color: colourOf("--line") } }, { ...bar, y: planned.map(kept), marker: { color: colours } }],
    layout("", "rank", { barmode: "overlay", bargap: 0.12, xaxis: { tickvals: middles, ticktext: names, showgrid: false } }));
  byId("plan-chart").removeAllListeners?.("plotly_click");
  byId("plan-chart").on("plotly_click", (event) => show(planned[event.points[0].x].name));
}

// Plotly reads a few HTML tags in its texts; names come from files and must stay text.
function escapeText(text) {
  return text.replace(/&/g, "&amp;").replace(/<(?!br>)/g, "&lt;");
}

function drawEffect() {
  if (!data.effect) return;
  const rows = [["measured", data.effect.measured, "--accent"], ["forecast", data.effect.forecast, "--mark"]].filter(([, interval]) => interval);
  const trace = ([name, interval, colour]) => ({
    x: [interval.value], y: [name], mode: "markers", marker: { size: 12, color: colourOf(colour) }, hovertemplate: "%{x:.4f} nats per token<extra></extra>",
    error_x: { type: "data", symmetric: false, array: [interval.high - interval.value], arrayminus: [interval.value - interval.low], color: colourOf(colour), thickness: 2, width: 6 },
  });
  plot("effect-chart", rows.map(trace), layout("loss increase, nats per token", "", { xaxis: { rangemode: "tozero" }, yaxis: { type: "category", range: [-0.6, rows.length - 0.4] } }));
}

// ---- together ------------------------------------------------------------------------------------------------------

function drawWords(matrix) {
  byId("matrix-name").textContent = matrix.name;
  const condition = matrix.condition_number === null ? "infinite" : short(matrix.condition_number);
  const plan = !matrix.plan ? "" : matrix.plan.rank === null ? " The plan leaves it dense." : ` The plan keeps rank ${matrix.plan.rank}.`;
  byId("matrix-sentence").textContent =
    `${matrix.rows} × ${matrix.columns}${matrix.storage ? ", stored as " + matrix.storage : ""}. ` +
    `${matrix.rank_90} of ${full(matrix)} directions hold 90% of its energy, ${matrix.rank_99} hold 99%. ` +
    `Stable rank ${short(matrix.stable_rank)}, effective rank ${short(matrix.effective_rank)}, condition number ${condition}.` + plan;
  byId("python-name").textContent = JSON.stringify(matrix.name);
}

function draw() {
  const state = readState();
  const matrix = matrices.get(state.matrix);
  drawMap(state);
  drawTable(state);
  if (!matrix) return;
  drawWords(matrix);
  if (!window.Plotly) return;
  drawSpectrum(matrix);
  drawPlan(matrix);
}

function show(name) {
  setState({ matrix: name });
  byId("detail").scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function listen() {
  byId("matrices").tHead.onclick = (event) => {
    const key = event.target.closest("th")?.dataset.key;
    const next = { [key]: "-" + key, ["-" + key]: "" }[readState().sort] ?? key;
    if (key) setState({ sort: next });
  };
  body.onclick = (event) => show(event.target.closest("tr").dataset.name);
  byId("filter").oninput = (event) => setState({ filter: event.target.value });
  byId("previous").onclick = () => step(-1);
  byId("next").onclick = () => step(1);
  for (const link of document.querySelectorAll("a.show")) {
    link.onclick = (event) => {
      event.preventDefault();
      show(new URLSearchParams(link.hash.slice(1)).get("matrix"));
    };
  }
  window.addEventListener("hashchange", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (draw(), window.Plotly && drawEffect()));
}

async function start() {
  document.documentElement.classList.add("ready");
  buildMap();
  listen();
  draw();
  try {
    await loadPlotly();
    draw();
    drawEffect();
  } catch (error) {
    console.error(error);
    byId("no-charts").hidden = false;
  }
}

start();
