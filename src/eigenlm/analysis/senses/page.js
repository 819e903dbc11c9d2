// ---- senses: one word, several meanings ----------------------------------------------------------------------------

function drawSenses() {
  const found = data.senses;
  const { layers } = found;
  const xaxis = layerAxis(layers);
  const estimates = (kind, key) => found.layers.map((layer) => layer[kind][key]);
  const line = (place, kind, key, name) => {
    const [value, low, high] = ["value", "low", "high"].map((end) => estimates(kind, key).map((one) => one[end]));
    return byLayer(place, layers, value, name, { error_y: whiskers(place, value, low, high), hovertemplate: "%{customdata}: %{y:.3f}<extra></extra>" });
  };
  const best = { type: "line", x0: found.best_layer, x1: found.best_layer, yref: "paper", y0: 0, y1: 1, line: { color: colourOf("--soft"), width: 1.5, dash: "dot" } };
  plot("separation-chart", [line(0, "centred", "separation", "mean taken off"), line(1, "raw", "separation", "vectors as they are")],
    layout("after layer", "within minus between", { ...legendAbove, xaxis, shapes: [best], yaxis: { zeroline: true, zerolinecolor: colourOf("--soft") } }));
  const share = (place, kind, key, name) => byLayer(place, layers, found.layers.map((layer) => layer[kind][key]), name, { hovertemplate: "%{customdata}: %{y:.1%}<extra></extra>" });
  plot("accuracy-chart", [share(0, "centred", "accuracy", "nearest meaning is right"), line(1, "centred", "silhouette", "silhouette")],
    layout("after layer", "", { ...legendAbove, xaxis, yaxis: { zeroline: true, zerolinecolor: colourOf("--soft") } }));
  plot("isotropy-chart", [byLayer(0, layers, found.layers.map((layer) => layer.isotropy.iso_score), "IsoScore"), byLayer(1, layers, found.layers.map((layer) => layer.isotropy.mean_cosine), "mean cosine")],
    layout("after layer", "", { ...legendAbove, xaxis }));
  const rank = found.layers.map((layer) => layer.isotropy.rank_me);
  plot("rankme-chart", [byLayer(0, layers, rank, "RankMe")], layout("after layer", `directions, of ${found.embedding.width}`, { xaxis, yaxis: { rangemode: "tozero" } }));
}

whenLoaded.push(drawSenses);
