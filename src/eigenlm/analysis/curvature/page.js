// ---- curvature: how the loss bends ---------------------------------------------------------------------------------

function drawCurvature() {
  const found = data.curvature;
  if (found.hessian_largest.length || found.gauss_newton_largest.length) drawExtremes(found);
  if (found.hessian_density) drawCurvatureDensity(found);
  if (found.gradient_flow) drawFlow(found.gradient_flow);
  if (byId("blocks-chart")) drawBlocks(found.blocks);
}

function drawExtremes(found) {
  const kinds = [
    ["Hessian, largest", found.hessian_largest, 1], ["Gauss-Newton, largest", found.gauss_newton_largest, 1], ["Hessian, most negative (size)", found.hessian_smallest.filter((one) => one.value < 0), -1],
  ].filter(([, values]) => values.length);
  const traces = kinds.map(([name, values, sign], place) => series(place, values.map((_, i) => i + 1), values.map((one) => sign * one.value), {
    name, mode: "markers", customdata: values.map((one) => `${short(one.value)} ± ${short(one.residual)}`), hovertemplate: "%{customdata}<extra></extra>",
    error_y: { type: "data", array: values.map((one) => one.residual), color: colourOf(looks[place].colour), thickness: 1.5, width: 5 },
  }));
  plot("extremes-chart", traces, layout("number", "eigenvalue", { ...legendAbove, xaxis: { dtick: 1 }, yaxis: logAxis(kinds.flatMap(([, values]) => values.flatMap((one) => [Math.abs(one.value), Math.abs(one.value) + one.residual]))) }));
}

function drawCurvatureDensity({ hessian_density: { eigenvalues, density, low, high }, hessian_largest, hessian_smallest }) {
  const top = density.reduce((a, b) => Math.max(a, b), 0);
  const floor = top * 1e-9; // smoothing leaves no more than this of places without eigenvalues
  const above = (values) => values.map((value) => (value > floor ? value : null));
  const raised = (values) => values.map((value) => Math.max(value, floor));
  const band = { x: [...eigenvalues, ...eigenvalues.slice().reverse()], y: [...raised(low), ...raised(high).reverse()], mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: colourOf("--accent") + "26", name: "95% interval", hoverinfo: "skip" };
  const line = { x: eigenvalues, y: above(density), mode: "lines", name: "density", line: { color: colourOf("--accent"), width: 2 }, hovertemplate: "density %{y:.3g} at %{x:.3g}<extra></extra>" };
  const certain = [...hessian_largest, ...hessian_smallest].map((one) => one.value);
  const ends = { x: certain, y: certain.map(() => floor * 3), mode: "markers", name: "outermost eigenvalues", marker: { symbol: "line-ns-open", size: 12, color: colourOf("--mark") }, hovertemplate: "%{x:.4g}<extra></extra>" };
  plot("curvature-density-chart", [band, line, ends], layout("eigenvalue", "density", { ...legendAbove, yaxis: logAxis([floor * 2, top], { tickformat: ".0e" }) }));
}

function drawFlow({ layers }) {
  const gain = (key) => layers.map((layer) => layer[key]?.log_gain ?? null);
  const error = (place, key) => ({ type: "data", array: layers.map((layer) => 1.96 * (layer[key]?.log_gain_error ?? 0)), color: colourOf(looks[place].colour), thickness: 1.5, width: 3 });
  const line = (place, key, name) => byLayer(place, layers, gain(key), name, { error_y: error(place, key), hovertemplate: "%{customdata}: %{y:.3f}<extra></extra>" });
  plot("gain-chart", [line(0, "gain", "as it is"), line(1, "gain_without_norms", "without norms")], layout("layer", "mean ln ‖J v‖", { ...legendAbove, xaxis: layerAxis(layers), yaxis: { zeroline: true, zerolinecolor: colourOf("--soft") } }));
  const norms = ["gradient_norm", "gradient_norm_without_norms"].map((key) => layers.map((layer) => layer[key]));
  byId("gradient-chart").closest("figure").hidden = !norms[0].some((value) => value > 0);
  if (!norms[0].some((value) => value > 0)) return;
  const traces = norms.map((values, place) => byLayer(place, layers, positive(values), place ? "without norms" : "as it is"));
  const known = norms.flat().filter((value) => value > 0);
  plot("gradient-chart", traces, layout("layer", "‖gradient‖", { ...legendAbove, xaxis: layerAxis(layers), yaxis: logAxis(known) }));
}

function drawBlocks(blocks) {
  const known = blocks.filter((block) => block.trace_per_param > 0 && block.kfac_error?.value > 0);
  byId("blocks-chart").closest("figure").hidden = !known.length;
  if (!known.length) return;
  const kinds = [...new Set(known.map((block) => matrices.get(block.name)?.kind ?? block.name))];
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down"]; // eight of one and seven of the other: 56 looks
  const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#888888"];
  const traces = kinds.map((kind, place) => {
    const own = known.filter((block) => (matrices.get(block.name)?.kind ?? block.name) === kind);
    return {
      x: own.map((block) => block.trace_per_param), y: own.map((block) => block.kfac_error.value), mode: "markers", name: escapeText(kind.replace(/^[^*]*\*\./, "")),
      marker: { symbol: symbols[place % symbols.length], color: colours[place % colours.length], size: 8, opacity: 0.85 },
      customdata: own.map((block) => block.name), text: own.map((block) => escapeText(`${block.name}<br>mean curvature ${short(block.trace_per_param)}, KFAC off by ${percent(block.kfac_error.value)}`)), hovertemplate: "%{text}<extra></extra>",
    };
  });
  plot("blocks-chart", traces, layout("mean curvature along a parameter", "error of KFAC (1: no better than zero)", { ...legendAbove, xaxis: logAxis(known.map((block) => block.trace_per_param)), yaxis: logAxis(known.map((block) => block.kfac_error.value)) }));
  byId("blocks-chart").removeAllListeners?.("plotly_click");
  byId("blocks-chart").on("plotly_click", (event) => matrices.has(event.points[0].customdata) && show(event.points[0].customdata));
}

whenLoaded.push(drawCurvature);
