// ---- a plan and what came of it ------------------------------------------------------------------------------------

function drawPlan(state) {
  if (!curves || !window.Plotly) return;
  const selected = matrices.get(state.matrix);
  const planned = data.matrices.filter((matrix) => matrix.plan);
  if (!planned.length) return;
  const kinds = [...new Set(planned.map((matrix) => matrix.kind))];
  planned.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  const x = planned.map((_, i) => i);
  const text = planned.map((m) => `${m.name}<br>${m.plan.label}: ${m.plan.bits.toFixed(2)} of ${m.plan.bits_before.toFixed(2)} bits`).map(escapeText);
  const bar = { x, type: "bar", text, textposition: "none", hovertemplate: "%{text}<extra></extra>" };
  const colours = planned.map((m) => colourOf(m === selected ? "--mark" : m.plan.bits < m.plan.bits_before ? "--accent" : "--pale"));
  const starts = kinds.map((kind) => planned.findIndex((matrix) => matrix.kind === kind));
  const middles = starts.map((start, i) => (start + (starts[i + 1] ?? planned.length) - 1) / 2);
  const names = kinds.map((kind) => kind.split(".").slice(-1)[0]).map(escapeText);
  plot("plan-chart", [{ ...bar, y: planned.map((m) => m.plan.bits_before), marker: { color: colourOf("--line") } }, { ...bar, y: planned.map((m) => m.plan.bits), marker: { color: colours } }],
    layout("", "bits a number", { barmode: "overlay", bargap: 0.12, xaxis: { tickvals: middles, ticktext: names, showgrid: false } }));
  byId("plan-chart").removeAllListeners?.("plotly_click");
  byId("plan-chart").on("plotly_click", (event) => show(planned[event.points[0].x].name));
}

function drawEffect() {
  if (!data.effect) return;
  const rows = [["measured", data.effect.measured], ["forecast", data.effect.forecast]].filter(([, interval]) => interval);
  const trace = ([name, { value, low, high }], i) => ({
    ...series(i, [value], [name], { mode: "markers", hovertemplate: "%{x:.4f} nats per token<extra></extra>" }), error_x: whiskers(i, [value], [low], [high]),
  });
  plot("effect-chart", rows.map(trace), layout("loss increase, nats per token", "", { xaxis: { rangemode: "tozero" }, yaxis: { type: "category", range: [-0.6, rows.length - 0.4] } }));
}

whenChanged.push(drawPlan);
whenLoaded.push(drawEffect);
