// ---- what all charts share -----------------------------------------------------------------------------------------

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// Okabe and Ito's colours, with a dash and a sign each: nothing is told by colour alone.
const looks = [
  { colour: "--accent", dash: "solid", symbol: "circle" }, { colour: "--mark", dash: "dash", symbol: "diamond" },
  { colour: "--green", dash: "dot", symbol: "square" }, { colour: "--pink", dash: "dashdot", symbol: "triangle-up" },
];
const ramp = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"];
const rampRGB = ramp.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
const viridis = ramp.map((hex, i) => [i / (ramp.length - 1), hex]);

function colour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (rampRGB.length - 1);
  const left = Math.min(Math.floor(at), rampRGB.length - 2);
  return rampRGB[left].map((from, i) => Math.round(from + (rampRGB[left + 1][i] - from) * (at - left)));
}

// Black or white, whichever reads better on a colour (WCAG relative luminance).
function inkOn([r, g, b]) {
  const [R, G, B] = [r, g, b].map((part) => ((part / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * R + 0.7152 * G + 0.0722 * B > 0.18 ? "#000" : "#fff";
}

function layout(xTitle, yTitle, more = {}) {
  const font = getComputedStyle(document.body).fontFamily;
  const [ink, soft, grid] = ["--ink", "--soft", "--grid"].map(colourOf);
  const axis = { gridcolor: grid, zeroline: false, linecolor: grid, tickfont: { color: soft }, automargin: true };
  const titled = (text) => ({ text, font: { size: 13, color: soft }, standoff: 6 });
  return {
    margin: { l: 8, r: 12, t: 10, b: 8 }, showlegend: false, hovermode: "closest", paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: font, size: 13, color: ink }, hoverlabel: { bgcolor: colourOf("--panel"), bordercolor: colourOf("--line"), font: { family: font, color: ink } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 }, bgcolor: "rgba(0,0,0,0)" },
    ...more,
    xaxis: { ...axis, title: titled(xTitle), ...more.xaxis }, yaxis: { ...axis, title: titled(yTitle), ...more.yaxis },
  };
}

const legendAbove = { showlegend: true, margin: { l: 8, r: 12, t: 34, b: 8 } };

// Vertical lines with their words above the chart, where they cover none; a word that would touch another stands a row higher.
// `log` where the axis is, for there Plotly wants the logarithm of an annotation's place; `legend` where one stands on top.
function upright(id, lines, [from, to], log, legend) {
  const axis = log ? Math.log10 : (value) => value;
  const scale = Math.max(byId(id).clientWidth - 60, 100) / (to - from);
  const ends = [];
  const annotations = [...lines].sort((a, b) => a.at - b.at).map(({ at, text, colour }) => {
    const [middle, half] = [(axis(at) - from) * scale, 3.6 * text.length + 5];
    const free = ends.findIndex((end) => end < middle - half);
    const row = free < 0 ? ends.length : free;
    ends[row] = middle + half;
    return { x: axis(at), y: 1, yref: "paper", yanchor: "bottom", yshift: 16 * row, text, showarrow: false, font: { size: 12, color: colour } };
  });
  return {
    shapes: lines.map(({ at, dash, colour }) => ({ type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, line: { color: colour, width: 1.5, dash } })),
    annotations, margin: { l: 8, r: 34, t: 10 + 16 * ends.length + (legend ? 26 : 0), b: 8 },
  };
}
const plot = (id, traces, shape) => Plotly.react(byId(id), traces, shape, { responsive: true, displayModeBar: false, doubleClick: "reset" });
const positive = (values) => values.map((value) => (value > 0 ? value : null));

// A line or points with error bars or a band: one look, by its place.
function series(place, x, y, more = {}) {
  const { colour: name, dash, symbol } = looks[place % looks.length];
  return { x, y, mode: "lines+markers", line: { color: colourOf(name), width: 2, dash }, marker: { color: colourOf(name), symbol, size: 7 }, ...more };
}

const whiskers = (place, value, low, high) => ({
  type: "data", symmetric: false, array: value.map((v, i) => high[i] - v), arrayminus: value.map((v, i) => v - low[i]),
  color: colourOf(looks[place % looks.length].colour), thickness: 1.5, width: 4,
});

// Every other digit within a decade, 1, 2, 5, 10 ... over few decades, powers of ten over many.
function logTicks(values) {
  const known = values.filter((value) => value > 0);
  if (!known.length) return {};
  const [low, high] = [Math.floor(Math.log10(known.reduce((a, b) => Math.min(a, b)))), Math.ceil(Math.log10(known.reduce((a, b) => Math.max(a, b))))];
  const every = Math.max(1, Math.ceil((high - low) / 8));
  const ticks = [];
  for (let power = low; power <= high; power += every) {
    for (const digit of high - low > 3 ? [1] : high - low > 1 ? [1, 2, 5] : [1, 2, 3, 4, 6, 8]) ticks.push(digit * 10 ** power);
  }
  return { tickvals: ticks, ticktext: ticks.map(short) };
}

const logAxis = (values, more = {}) => ({ type: "log", ...logTicks(values), ...more });

// Plotly reads a few HTML tags in its texts; names come from files and must stay text.
function escapeText(text) {
  return text.replace(/&/g, "&amp;").replace(/<(?!br>)/g, "&lt;");
}

// A table of coloured buttons that arrows move through: rows by columns, a cell where there is something.
function buildGrid(id, corner, rows, heads, cellAt) {
  const head = heads.map((text) => (text === "" ? element("td") : element("th", { scope: "col", textContent: text })));
  const lines = rows.map(({ label, title }, i) =>
    element("tr", {}, [element("th", { scope: "row", textContent: label, title }), ...heads.map((_, j) => element("td", {}, [cellAt(i, j)].filter(Boolean)))]));
  byId(id).replaceChildren(element("thead", {}, [element("tr", {}, [element("th", { scope: "row", textContent: corner }), ...head])]), element("tbody", {}, lines));
  byId(id).onkeydown = moveOnGrid;
}

function moveOnGrid(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const from = event.target.closest("td");
  if (!step || !from) return;
  event.preventDefault();
  const row = from.parentElement.parentElement.rows[from.parentElement.sectionRowIndex + step[0]];
  const to = row?.cells[from.cellIndex + step[1]]?.querySelector("button");
  if (!to) return;
  event.target.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

const everyNth = (count) => (count > 40 ? 8 : count > 16 ? 4 : 1);

// An axis of layers, and a line over it.
const layerLabel = (name) => name.replace(/^.*\.(\d+)$/, "$1");

function layerAxis(layers, more = {}) {
  const every = Math.max(1, Math.ceil(layers.length / 12));
  const at = layers.map((_, i) => i).filter((i) => i % every === 0);
  return { tickvals: at, ticktext: at.map((i) => (layerLabel(layers[i].name) === "embedding" ? "emb." : escapeText(layerLabel(layers[i].name)))), ...more };
}

const byLayer = (place, layers, y, name, more = {}) => series(place, y.map((_, i) => i), y, { name, customdata: layers.map((layer) => escapeText(layer.name)), hovertemplate: "%{customdata}: %{y:.4g}<extra></extra>", ...more });
