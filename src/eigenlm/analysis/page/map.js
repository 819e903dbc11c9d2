// ---- the map: a cell per matrix ------------------------------------------------------------------------------------

const measures = data.columns.filter((column) => column.map).map((column) => column.key);
const cells = new Map();

// What a measure colours by; ranks count as a share of the full one.
function measured(matrix, key) {
  const value = numberIn(matrix.cells[key]);
  return value !== null && columns.get(key).style === "rank" ? value / full(matrix) : value;
}

const isShare = (key) => ["rank", "percent"].includes(columns.get(key).style);
const writeMeasure = (key, value) => (value === null ? "–" : isShare(key) ? percent(value) : short(value));
const measureName = (key) => data.terms[key].label + (columns.get(key).style === "rank" ? ", of full" : "");

function mapCell(matrix) {
  const button = element("button", { type: "button", className: "cell", tabIndex: -1, onclick: () => setState({ matrix: matrix.name }) });
  button.onmouseenter = button.onfocus = () => (byId("map-readout").textContent = button.getAttribute("aria-label"));
  cells.set(matrix.name, button);
  return button;
}

function buildMap() {
  const layered = data.matrices.filter((matrix) => matrix.layer !== null);
  const kinds = [...new Set(layered.map((matrix) => matrix.kind))];
  const layers = [...new Set(layered.map((matrix) => matrix.layer))].sort((a, b) => a - b);
  const at = new Map(layered.map((matrix) => [matrix.kind + " " + matrix.layer, matrix]));
  const every = everyNth(layers.length);
  buildGrid("map", "layer", kinds.map((kind) => ({ label: kind.replace(/^[^*]*\*\./, ""), title: kind })), layers.map((layer) => (layer % every ? "" : layer)), (i, j) => {
    const matrix = at.get(kinds[i] + " " + layers[j]);
    return matrix && mapCell(matrix);
  });
  byId("map").hidden = !layered.length;
  for (const matrix of data.matrices.filter((matrix) => matrix.layer === null)) {
    const button = mapCell(matrix);
    button.tabIndex = 0;
    byId("map-others").append(element("label", {}, [button, matrix.name]));
  }
  choices("measures", measures.map((key) => [key, measureName(key)]), (measure) => setState({ measure }));
}

function drawMap(state) {
  const key = state.measure;
  if (!key) return;
  const log = columns.get(key).map === "log";
  const scale = log ? Math.log : (value) => value;
  const values = data.matrices.map((matrix) => measured(matrix, key)).filter((value) => Number.isFinite(value) && (value > 0 || !log));
  const [low, high] = [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
  for (const [name, button] of cells) {
    const value = measured(matrices.get(name), key);
    const share = value === Infinity ? 1 : (scale(value) - scale(low)) / (scale(high) - scale(low) || 1);
    button.style.background = value === null ? "" : `rgb(${colour(share).join(" ")})`;
    button.setAttribute("aria-label", `${name}: ${measureName(key).toLowerCase()} ${writeMeasure(key, value)}`);
    button.setAttribute("aria-pressed", String(name === state.matrix));
    if (matrices.get(name).layer !== null) button.tabIndex = name === state.matrix ? 0 : -1;
  }
  if (!byId("map").querySelector("button[tabindex='0']")) byId("map").querySelector("button")?.setAttribute("tabindex", "0");
  press("measures", key);
  byId("measure-definition").textContent = data.terms[key].definition;
  byId("legend-low").textContent = values.length ? writeMeasure(key, low) : "";
  byId("legend-high").textContent = values.length ? writeMeasure(key, high) + (log ? " (logarithmic)" : "") : "";
  byId("map-readout").textContent = cells.get(state.matrix)?.getAttribute("aria-label") ?? "";
}
