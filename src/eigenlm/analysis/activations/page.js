// ---- activations: what text makes of the model ---------------------------------------------------------------------

const headMeasures = {
  kind: "head_kind", relative_entropy: "relative_entropy", previous_token: "previous_token", first_token: "first_token",
  self_token: "self_token", induction: "induction", next_token: "next_token", local: "local_attention",
};
// A letter, a colour of Okabe and Ito, for each kind of head.
const headKinds = {
  induction: ["I", "#d55e00"], "previous token": ["P", "#0072b2"], "next token": ["N", "#56b4e9"], self: ["D", "#009e73"],
  local: ["L", "#e69f00"], sink: ["S", "#cc79a7"], broad: ["B", "#f0e442"], mixed: ["·", "#bbbbbb"],
};
const rgbOf = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function drawActivations() {
  const found = data.activations;
  if (found.layers.length) {
    drawLens(found.layers);
    drawStream(found.layers);
    drawPCA(found.layers);
    drawCKA(found.layers, found.cka);
  }
}

function drawLens(layers) {
  if (!layers[layers.length - 1].lens) return;
  const lens = layers.map((layer) => layer.lens);
  const nll = lens.map((one) => one?.nll ?? null);
  const error = lens.map((one) => 1.96 * (one?.nll_error ?? 0));
  plot("lens-chart", [byLayer(0, layers, nll, "loss", { error_y: { type: "data", array: error, color: colourOf("--accent"), thickness: 1.5, width: 3 } })],
    layout("layer", "nats per token", { xaxis: layerAxis(layers), yaxis: { rangemode: "tozero" } }));
  plot("agreement-chart", [byLayer(2, layers, lens.map((one) => one?.agreement ?? null), "agreement", { hovertemplate: "%{customdata}: %{y:.1%}<extra></extra>" })],
    layout("layer", "", { xaxis: layerAxis(layers), yaxis: { range: [0, 1.03], tickformat: ".0%" } }));
}

function drawStream(layers) {
  const [usual, first] = ["mean_norm", "first_token_norm"].map((key) => layers.map((layer) => layer[key]));
  plot("norm-chart", [byLayer(0, layers, positive(usual), "usual token"), byLayer(1, layers, positive(first), "first token of a window")],
    layout("layer", "length", { ...legendAbove, xaxis: layerAxis(layers), yaxis: logAxis([...usual, ...first]) }));
  const dimension = layers.map((layer) => layer.intrinsic_dimension);
  const [value, low, high] = ["value", "low", "high"].map((key) => dimension.map((one) => one?.[key] ?? null));
  const ratio = layers.map((layer) => layer.participation_ratio);
  plot("dimension-chart", [byLayer(0, layers, value, "intrinsic dimension", { error_y: whiskers(0, value, low, high) }), byLayer(1, layers, ratio, "participation ratio")],
    layout("layer", "directions", { ...legendAbove, xaxis: layerAxis(layers), yaxis: logAxis([...low, ...high, ...ratio]) }));
}

function drawPCA(layers) {
  const last = layers.length - 1;
  const chosen = [...new Set([0, Math.round(last / 3), Math.round((2 * last) / 3), last])];
  const traces = chosen.map((i, place) => ({
    ...series(place, layers[i].pca_ranks, layers[i].pca_energy), mode: "lines", name: layerLabel(layers[i].name) === "embedding" ? "embedding" : "layer " + escapeText(layerLabel(layers[i].name)),
    hovertemplate: "%{x} components hold %{y:.1%}<extra></extra>",
  }));
  plot("pca-chart", traces, layout("principal components", "", { ...legendAbove, xaxis: logAxis(layers[0].pca_ranks), yaxis: { range: [0, 1.03], tickformat: ".0%" } }));
}

function drawCKA(layers, cka) {
  byId("cka-chart").closest("figure").hidden = !cka.length;
  if (!cka.length) return;
  const names = layers.map((layer) => escapeText(layer.name));
  const trace = { type: "heatmap", z: cka, zmin: 0, zmax: 1, colorscale: viridis, colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: colourOf("--soft") } }, customdata: names.map((row) => names.map((column) => `${row} and ${column}`)), hovertemplate: "%{customdata}: %{z:.2f}<extra></extra>" };
  plot("cka-chart", [trace], layout("layer", "layer", { xaxis: layerAxis(layers, { constrain: "domain", showgrid: false }), yaxis: layerAxis(layers, { scaleanchor: "x", constrain: "domain", showgrid: false }) }));
}

// ---- heads: a cell each --------------------------------------------------------------------------------------------

const headCells = new Map();
const knownHeadMeasures = () => Object.keys(headMeasures).filter((key) => data.activations.heads.some((head) => head[key] !== null));
const headValue = (head, key) => (key === "kind" ? head.kind : head[key] === null ? "–" : percent(head[key]));

function buildHeads(heads) {
  const layers = [...new Set(heads.map((head) => head.layer))];
  const places = [...new Set(heads.map((head) => head.head))];
  const at = new Map(heads.map((head) => [head.layer + " " + head.head, head]));
  const every = everyNth(layers.length);
  buildGrid("heads", "layer", places.map((place) => ({ label: "head " + place, title: "" })), layers.map((layer) => (layer % every ? "" : layer)), (i, j) => {
    const head = at.get(layers[j] + " " + places[i]);
    if (!head) return null;
    const button = element("button", { type: "button", className: "cell", tabIndex: headCells.size ? -1 : 0 });
    button.onmouseenter = button.onfocus = button.onclick = () => (byId("head-readout").textContent = headSentence(head));
    headCells.set(head, button);
    return button;
  });
  choices("head-measures", knownHeadMeasures().map((key) => [key, data.terms[headMeasures[key]].label]), (heads) => setState({ heads }));
}

function headSentence(head) {
  const looks = [["first_token", "the first token"], ["previous_token", "the token before"], ["self_token", "itself"], ["next_token", "the token after"], ["induction", "what followed the same token earlier"]];
  const said = looks.filter(([key]) => head[key] !== null).map(([key, text]) => `${percent(head[key])} on ${text}`);
  return `Layer ${head.layer}, head ${head.head} (${head.kind}): attention ${said.join(", ")}; evenness ${percent(head.relative_entropy)}.`;
}

function drawHeads(state) {
  const heads = data.activations.heads;
  if (!heads.length) return;
  if (!headCells.size) buildHeads(heads);
  const key = knownHeadMeasures().includes(state.heads) ? state.heads : "kind";
  for (const [head, button] of headCells) {
    const [letter, fill] = key === "kind" ? headKinds[head.kind] ?? ["?", "#bbbbbb"] : ["", ""];
    const rgb = key === "kind" ? rgbOf(fill) : colour(head[key] ?? 0);
    button.style.background = `rgb(${rgb.join(" ")})`;
    button.style.color = inkOn(rgb);
    button.textContent = letter;
    button.setAttribute("aria-label", `layer ${head.layer}, head ${head.head}: ${headValue(head, key)}`);
  }
  press("head-measures", key);
  byId("head-definition").textContent = data.terms[headMeasures[key]].definition;
  const kinds = Object.keys(headKinds).filter((kind) => heads.some((head) => head.kind === kind));
  const swatch = (kind) => {
    const made = element("span", { className: "swatch", textContent: headKinds[kind][0] });
    made.style.background = headKinds[kind][1];
    made.style.color = inkOn(rgbOf(headKinds[kind][1]));
    return element("span", { className: "entry" }, [made, `${kind} (${heads.filter((head) => head.kind === kind).length})`]);
  };
  byId("head-legend").replaceChildren(...(key === "kind" ? kinds.map(swatch) : ["0%", element("span", { className: "ramp" }), "100%"]));
}

whenLoaded.push(drawActivations);
whenChanged.push(drawHeads);
