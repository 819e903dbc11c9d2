// ---- the selected matrix -------------------------------------------------------------------------------------------

let logRanks = false;
let zoomed = 1; // part of the ranks that is shown

const rankMarks = (matrix) => {
  const rank = keptRank(matrix);
  const lines = [["rank_90", "90%"], ["rank_99", "99%"]].map(([key, text]) => ({ at: matrix.cells[key], text, dash: "dot", colour: colourOf("--soft") }));
  if (matrix.plan?.rank) lines.push({ at: matrix.plan.rank, text: "plan", dash: "dash", colour: colourOf("--green") });
  return [...lines, { at: rank, text: `rank ${rank}`, dash: "solid", colour: colourOf("--mark") }].filter((line) => line.at > 0);
};

// What noise could make: the bulk as a band, the largest singular value of the same numbers in random order as a line.
function noiseShapes(matrix) {
  const { noise } = curves[matrix.name];
  if (!noise?.null_spectral_norm) return [];
  const across = { xref: "paper", x0: 0, x1: 1 };
  const level = (y, colour, dash) => ({ ...across, type: "line", y0: y, y1: y, line: { color: colourOf(colour), width: 1.5, dash } });
  const shapes = [level(noise.null_spectral_norm, "--pink", "dashdot")];
  if (!noise.sigma_plus) return shapes;
  const floor = Math.max(noise.sigma_minus, noise.sigma_plus / 1e6);
  const bulk = { ...across, type: "rect", y0: floor, y1: noise.sigma_plus, fillcolor: colourOf("--soft"), opacity: 0.1, line: { width: 0 }, layer: "below" };
  return [...shapes, bulk, level(noise.sigma_plus, "--soft", "dash")];
}

function rankAxis(matrix) {
  const last = Math.max(2, full(matrix) * zoomed);
  return logRanks ? { type: "log", range: [-0.05, Math.log10(last) + 0.02], dtick: 1 } : { type: "linear", range: [1 - 0.02 * last, last * 1.02] };
}

function sigmaMarks(matrix) {
  const ranks = upright("sigma-chart", rankMarks(matrix), rankAxis(matrix).range, logRanks);
  return { ...ranks, shapes: [...noiseShapes(matrix), ...ranks.shapes] };
}

const energyMarks = (matrix) => upright("energy-chart", rankMarks(matrix), [1, full(matrix) + 1], false, Boolean(curves[matrix.name].outputs));

const lineOf = (matrix) => (full(matrix) > 1 ? "lines" : "markers");

function drawSigma(matrix) {
  const curve = curves[matrix.name];
  const others = data.matrices.filter((other) => other.kind === matrix.kind && other !== matrix).slice(0, 80);
  const grey = { x: [], y: [], mode: "lines", line: { color: colourOf("--other"), width: 0.6 }, opacity: 0.8, hoverinfo: "skip", connectgaps: false };
  for (const other of others) {
    grey.x.push(...curves[other.name].rank, null);
    grey.y.push(...positive(curves[other.name].sigma), null);
  }
  const own = { x: curve.rank, y: positive(curve.sigma), mode: lineOf(matrix), line: { color: colourOf("--accent"), width: 2.4 }, hovertemplate: "σ<sub>%{x}</sub> = %{y:.4g}<extra></extra>" };
  const last = Math.max(2, full(matrix) * zoomed);
  const shown = curve.sigma.filter((value, i) => value > 0 && curve.rank[i] <= last);
  const yrange = zoomed < 1 && shown.length ? { range: [Math.log10(shown[shown.length - 1]) - 0.1, Math.log10(shown[0]) + 0.1] } : {};
  plot("sigma-chart", [grey, own], layout("rank i", "", { xaxis: rankAxis(matrix), yaxis: logAxis(shown, yrange), ...sigmaMarks(matrix) }));
}

function drawEnergy(matrix) {
  const curve = curves[matrix.name];
  const own = { x: curve.rank, y: curve.lost.map((lost) => 1 - lost), mode: lineOf(matrix), fill: "tozeroy", fillcolor: colourOf("--accent") + "1f", line: { color: colourOf("--accent"), width: 2.4 }, hovertemplate: "rank %{x} keeps %{y:.2%}<extra></extra>", name: "of the matrix" };
  const outputs = series(2, (curve.outputs ?? []).map(([rank]) => rank), (curve.outputs ?? []).map(([, kept]) => kept), { name: "of its outputs on the text, at best", hovertemplate: "rank %{x} can keep %{y:.2%} of the outputs<extra></extra>" });
  plot("energy-chart", curve.outputs ? [own, outputs] : [own], layout("rank", "", {
    showlegend: Boolean(curve.outputs), legend: { orientation: "h", x: 0, y: 1, yref: "container", yanchor: "top", font: { size: 12 } },
    yaxis: { range: [0, 1.02], tickformat: ".0%" }, ...energyMarks(matrix) }));
}

// The density of singular values beside the Marchenko-Pastur law of the bulk: with n the smaller side and s the entries'
// standard deviation, sqrt((σ₊² - σ²)(σ² - σ₋²)) / (π s² n σ), times n singular values.
function drawDensity(matrix) {
  const { noise, sigma, rank } = curves[matrix.name];
  byId("density-figure").hidden = !noise?.sigma_plus;
  if (!noise?.sigma_plus) return;
  const last = Math.min(noise.sigma_plus * 1.6, sigma[0] * 1.02);
  const width = last / 48;
  const counts = new Array(48).fill(0);
  rank.forEach((at, i) => {
    const bin = Math.floor(sigma[i] / width);
    if (bin < 48) counts[bin] += at - (rank[i - 1] ?? 0);
  });
  const { sigma_minus: low, sigma_plus: high, noise_std: s } = noise;
  const x = Array.from({ length: 161 }, (_, i) => low + ((high - low) * i) / 160);
  const law = x.map((v) => (width * Math.sqrt(Math.max(0, (high ** 2 - v ** 2) * (v ** 2 - low ** 2)))) / (Math.PI * s * s * Math.max(v, 1e-12)));
  const bars = { type: "bar", x: counts.map((_, i) => (i + 0.5) * width), y: counts, width, marker: { color: colourOf("--accent"), opacity: 0.55 }, name: "this matrix", hovertemplate: "%{y:.0f} near σ = %{x:.3g}<extra></extra>" };
  const beyond = rank[sigma.findLastIndex((value) => value > last)] ?? 0;
  plot("density-chart", [bars, { x, y: law, mode: "lines", name: "noise of its size", line: { color: colourOf("--mark"), width: 2.4, dash: "dash" }, hoverinfo: "skip" }],
    layout("singular value σ" + (beyond ? ` (${beyond} larger ones lie to the right)` : ""), "how many", { ...legendAbove, bargap: 0, xaxis: { range: [0, last] } }));
}

function drawTail(matrix) {
  const { tail, sigma, rank } = curves[matrix.name];
  byId("tail-figure").hidden = !tail;
  if (!tail) return;
  const last = tail.num_values;
  const points = sigma.map((value, i) => [value ** 2, rank[i] / last]).filter(([value, share]) => value > 0 && share <= 1);
  const [x, y] = [0, 1].map((i) => points.map((point) => point[i]));
  const data_ = { x, y, mode: "markers", name: "eigenvalues", marker: { color: colourOf("--accent"), size: 4, opacity: 0.7 }, hovertemplate: "%{y:.2%} lie at %{x:.3g} or above<extra></extra>" };
  const law = (name, shares, place) => ({ x: tail.x, y: shares, mode: "lines", name, line: { color: colourOf(looks[place].colour), width: 2.2, dash: looks[place].dash }, hoverinfo: "skip" });
  const from = { type: "line", x0: tail.x[0], x1: tail.x[0], yref: "paper", y0: 0, y1: 1, line: { color: colourOf("--soft"), width: 1, dash: "dot" } };
  const floor = Math.max(tail.x[0] / 1e3, x[x.length - 1]);
  plot("tail-chart", [data_, law("power law", tail.power, 1), law("lognormal", tail.lognormal, 2)], layout("eigenvalue λ = σ²", "share at λ or above", {
    ...legendAbove, shapes: [from],
    xaxis: { ...logAxis([floor, x[0]]), range: [Math.log10(floor) - 0.1, Math.log10(x[0]) + 0.15] }, yaxis: logAxis(y),
  }));
}

function drawMatrix(matrix) {
  drawSigma(matrix);
  drawEnergy(matrix);
  drawDensity(matrix);
  drawTail(matrix);
}

function noiseSentence({ num_spikes: spikes, spike_energy: energy, num_above_null: above }) {
  const noise = spikes ? `${spikes} of its singular values, with ${percent(energy ?? 0)} of the energy, rise above what noise of its size would have` : "None of its singular values rises above what noise of its size would have";
  return `${noise}; ${above || "none"} ${above > 1 ? "lie" : "lies"} above the largest one of the same numbers in random order.`;
}

function planSentence({ rank, label, bits, bits_before }) {
  if (rank) return ` The plan keeps rank ${rank}.`;
  return bits < bits_before ? ` The plan stores it as ${label}, ${bits.toFixed(2)} bits a number.` : " The plan leaves it as it is.";
}

function drawWords(matrix) {
  byId("matrix-name").textContent = matrix.name;
  const { cells: known } = matrix;
  const reason = data.spectra.reasons[matrix.name];
  const plan = !matrix.plan ? "" : planSentence(matrix.plan);
  byId("matrix-sentence").textContent =
    `${known.size}${known.storage ? ", stored as " + known.storage : ""}. ` +
    `${known.rank_90} of ${full(matrix)} directions hold 90% of its energy, ${known.rank_99} hold 99%. ` +
    `Stable rank ${short(known.stable_rank)}, effective rank ${short(known.effective_rank)}, condition number ${known.condition_number === "∞" ? "infinite" : short(known.condition_number)}.` + plan;
  byId("noise-sentence").textContent = typeof known.num_spikes !== "number" ? "" : noiseSentence(known);
  byId("tail-sentence").textContent = !known.tail_verdict ? "" : `Power law: ${known.tail_verdict}. ${reason[0].toUpperCase()}${reason.slice(1)}.`;
}

function listenToMatrix() {
  byId("previous").onclick = () => step(-1);
  byId("next").onclick = () => step(1);
  byId("back").onclick = () => focusRow(rowOf.get(readState().matrix)?.isConnected ? rowOf.get(readState().matrix) : byId("matrices").tBodies[0].rows[0]);
  const redraw = () => drawSigma(matrices.get(readState().matrix));
  byId("log-ranks").onclick = () => {
    logRanks = !logRanks;
    byId("log-ranks").setAttribute("aria-pressed", String(logRanks));
    redraw();
  };
  byId("zoom-in").onclick = () => ((zoomed = Math.max(zoomed / 2, 1 / 64)), redraw());
  byId("zoom-out").onclick = () => ((zoomed = Math.min(zoomed * 2, 1)), redraw());
}

whenStarted.push(listenToMatrix);
whenChanged.push((state) => {
  const matrix = matrices.get(state.matrix);
  if (!matrix) return;
  drawWords(matrix);
  if (curves) drawRank(matrix);
  if (curves && window.Plotly) drawMatrix(matrix);
});
