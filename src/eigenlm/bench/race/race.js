"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const hidden = new Set();

// Okabe and Ito's colours, and a shape and a dash for each, so that no optimizer is told by its colour alone.
const looks = [
  ["#0072b2", "circle", "solid"], ["#d55e00", "square", "solid"], ["#009e73", "diamond", "solid"],
  ["#cc79a7", "triangle-up", "dash"], ["#e69f00", "cross", "dash"], ["#56b4e9", "star", "dot"],
].map(([colour, symbol, dash]) => ({ colour, symbol, dash }));
const look = (entrant) => looks[entrant.place % looks.length];
const shown = () => data.entrants.filter((entrant) => !hidden.has(entrant.name));

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

async function loadPlotly() {
  const packed = Uint8Array.from(atob(byId("plotly").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(element("script", { textContent: await new Response(stream).text() }));
}

function buildKey() {
  for (const entrant of data.entrants) {
    const { colour, dash } = look(entrant);
    const strokes = { solid: "", dash: "6 4", dot: "2 3" }[dash];
    const button = element("button", { type: "button", title: "Show or hide" });
    button.innerHTML = `<svg aria-hidden="true"><line x1="0" y1="6" x2="30" y2="6" stroke="${colour}" stroke-width="3" stroke-dasharray="${strokes}"/></svg>`;
    button.append(entrant.name);
    button.setAttribute("aria-pressed", "true");
    button.onclick = () => {
      hidden.delete(entrant.name) || hidden.add(entrant.name);
      button.setAttribute("aria-pressed", String(!hidden.has(entrant.name)));
      draw();
    };
    byId("key").append(button);
  }
}

const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function plot(id, traces, xaxis, yaxis, more = {}) {
  const [ink, soft, grid] = ["--ink", "--soft", "--grid"].map(styleOf);
  const axis = ({ title, ...rest }) => ({
    gridcolor: grid, zeroline: false, linecolor: grid, tickfont: { color: soft }, automargin: true,
    title: { text: title ?? "", font: { size: 13, color: soft } }, ...rest,
  });
  const shape = {
    margin: { l: 8, r: 16, t: 10, b: 8 }, showlegend: false, hovermode: "closest", paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink }, xaxis: axis(xaxis), yaxis: axis(yaxis), ...more,
  };
  Plotly.react(byId(id), traces, shape, { responsive: true, displayModeBar: false });
}

const line = (y) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: styleOf("--soft"), width: 1.2, dash: "dash" } });

// Losses of entrants that are far off would press the others together: the axis holds what is near the target.
function lossRange(values) {
  const low = Math.min(...values, data.targetLoss), near = values.filter((y) => y < data.targetLoss + 3 * Math.max(data.targetLoss - low, 0.1));
  const high = Math.max(...near, data.targetLoss), room = 0.08 * (high - low || 0.1);
  return [low - room, high + room];
}

function drawLengths() {
  const traces = shown().map((entrant) => {
    const { colour, symbol, dash } = look(entrant);
    const y = entrant.lengths.map((length) => length.nll.value);
    return {
      x: entrant.lengths.map((length) => length.steps), y, name: entrant.name, mode: "lines+markers", line: { color: colour, dash, width: 2 }, marker: { symbol, size: 9, color: colour },
      error_y: {
        type: "data", symmetric: false, color: colour, thickness: 1.5, width: 5,
        array: entrant.lengths.map((length, i) => length.nll.high - y[i]), arrayminus: entrant.lengths.map((length, i) => y[i] - length.nll.low),
      },
      hovertemplate: `${entrant.name}<br>%{x} steps: %{y:.4f}<extra></extra>`,
    };
  });
  const steps = [...new Set(data.entrants.flatMap((entrant) => entrant.lengths.map((length) => length.steps)))].sort((a, b) => a - b);
  plot("lengths-chart", traces, { title: "steps of the schedule", tickvals: steps, range: [steps[0] - 0.06 * data.steps, data.steps * 1.05] },
    { title: "nats a token", range: lossRange(shown().flatMap((entrant) => entrant.lengths.map((length) => length.nll.value))) }, { shapes: [line(data.targetLoss)] });
}

// An end that lies outside of what was measured is drawn as an arrow from the end that is known.
function drawRatios() {
  const challengers = shown().filter((entrant) => entrant.stepRatio).reverse();
  const traces = [], names = challengers.map((entrant) => entrant.name);
  challengers.forEach((entrant, row) => {
    const { colour, symbol } = look(entrant);
    if (entrant.stepRatio.value === null && entrant.stepRatio.low === null) {
      names[row] += "<br>(not seen to reach it)";
      return;
    }
    for (const [key, at, words] of [["stepRatio", row + 0.14, "in steps"], ["timeRatio", row - 0.14, "in time"]]) {
      const { value, low, high } = entrant[key], open = key === "timeRatio" ? "-open" : "";
      const [from, to] = [low ?? value ?? high, high ?? value ?? low];
      if (from === null) continue;
      traces.push({ x: [from, to], y: [at, at], mode: "lines", line: { color: colour, width: 2 }, hoverinfo: "skip" });
      const x = value ?? from;
      traces.push({ x: [x], y: [at], mode: "markers", marker: { symbol: value === null ? (low === null ? "triangle-left" : "triangle-right") + open : symbol + open, size: 12, color: colour, line: { width: 2, color: colour } },
        hovertemplate: `${entrant.name} ${words}: ${value === null ? (low === null ? "less than " : "more than ") : ""}%{x:.2f}<extra></extra>` });
    }
  });
  // Intervals of a noisy machine may be wide enough to hide the figures; then the axis cuts them off.
  const marks = traces.filter((trace) => trace.mode === "markers").flatMap((trace) => trace.x), ends = traces.flatMap((trace) => trace.x);
  const least = Math.min(0.9, ...marks, Math.max(0.5 * Math.min(1, ...marks), Math.min(...ends)));
  const most = Math.max(1.1, ...marks, Math.min(2 * Math.max(1, ...marks), Math.max(...ends))), room = 0.06 * (most - least);
  const one = { type: "line", x0: 1, x1: 1, yref: "paper", y0: 0, y1: 1, line: { color: styleOf("--soft"), width: 1.2, dash: "dash" } };
  plot("ratio-chart", traces, { title: `times faster than ${data.target}`, range: [least - room, most + room] },
    { tickvals: names.map((_, i) => i), ticktext: names, range: [-0.6, names.length - 0.4], showgrid: false }, { shapes: [one] });
}

function drawSweeps() {
  const traces = shown().map((entrant) => {
    const { colour, symbol, dash } = look(entrant), of = entrant.sweep;
    return {
      x: of.map((run) => run.rate), y: of.map((run) => run.nll), mode: "lines+markers", line: { color: colour, dash, width: 2 },
      marker: { symbol, color: colour, size: of.map((run) => (run.best ? 13 : 8)), line: { color: styleOf("--ink"), width: of.map((run) => (run.best ? 2 : 0)) } },
      text: of.map((run) => (run.diverged ? "diverged" : run.nll.toFixed(4))), hovertemplate: `${entrant.name}, rate %{x:.3g}: %{text}<extra></extra>`,
    };
  });
  const rates = [-6, -5, -4, -3, -2, -1, 0, 1].flatMap((power) => [1, 3].map((digit) => Number(`${digit}e${power}`)));
  plot("sweep-chart", traces, { title: "peak learning rate", type: "log", tickvals: rates, ticktext: rates.map(String) },
    { title: "nats a token", range: lossRange(shown().flatMap((entrant) => entrant.sweep.map((run) => run.nll))) });
}

function drawCurves() {
  const traces = shown().flatMap((entrant) => {
    const { colour, dash } = look(entrant);
    const lines = entrant.curves.map((curve) => ({ x: curve.steps, y: curve.losses, mode: "lines", line: { color: colour, dash, width: 1.4 }, opacity: 0.75, hovertemplate: `${entrant.name}<br>step %{x}: %{y:.3f}<extra></extra>` }));
    const ends = { x: entrant.curves.map(() => data.steps), y: entrant.curves.map((curve) => curve.nll), mode: "markers", marker: { symbol: "x", size: 9, color: colour }, hovertemplate: `${entrant.name}, validation: %{y:.4f}<extra></extra>` };
    return [...lines, ends];
  });
  plot("curve-chart", traces, { title: "step" }, { title: "nats a token" });
}

function draw() {
  if (!window.Plotly) return;
  drawLengths();
  drawRatios();
  drawSweeps();
  drawCurves();
}

async function start() {
  document.documentElement.classList.add("ready");
  buildKey();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  try {
    await loadPlotly();
    draw();
    document.documentElement.classList.add("drawn");
  } catch (error) {
    console.error(error);
    byId("no-charts").hidden = false;
  }
}

start();
