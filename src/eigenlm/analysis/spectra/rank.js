// ---- the rank sweep: what a rank keeps and costs -------------------------------------------------------------------

// The rank of the slider: as the address says, else the plan's, else that of 90% of the energy.
function keptRank(matrix) {
  const { matrix: name, rank } = readState();
  const wanted = (name === matrix.name && rank) || matrix.plan?.rank || matrix.cells.rank_90;
  return Math.min(Math.max(wanted, 1), full(matrix));
}

// The share of the energy that a rank loses; between the ranks that a thinned curve holds, along the line.
function lostAt({ rank, lost }, wanted) {
  const right = rank.findIndex((at) => at >= wanted);
  if (rank[right] === wanted || right === 0) return lost[right];
  const share = (wanted - rank[right - 1]) / (rank[right] - rank[right - 1]);
  return lost[right - 1] + share * (lost[right] - lost[right - 1]);
}

function drawRank(matrix) {
  const rank = keptRank(matrix);
  for (const id of ["rank-slider", "rank-number"]) {
    byId(id).max = full(matrix);
    byId(id).value = rank;
  }
  const lost = lostAt(curves[matrix.name], rank);
  const needed = rank * (matrix.rows + matrix.columns - rank);
  const dense = matrix.rows * matrix.columns;
  byId("rank-energy").textContent = percent(1 - lost);
  byId("rank-error").textContent = percent(Math.sqrt(lost));
  byId("rank-params").textContent = `${needed.toLocaleString("en")} (${percent(needed / dense)} of ${dense.toLocaleString("en")})`;
  byId("rank-slider").setAttribute("aria-valuetext", `rank ${rank}: keeps ${percent(1 - lost)} of the energy with ${percent(needed / dense)} of the parameters`);
}

function moveRank(value) {
  const matrix = matrices.get(readState().matrix);
  const rank = Math.min(Math.max(Math.round(value) || 1, 1), full(matrix));
  const given = new URLSearchParams(location.hash.slice(1));
  given.set("rank", rank);
  history.replaceState(null, "", "#" + given);
  drawRank(matrix);
  Plotly.relayout("energy-chart", energyMarks(matrix));
  Plotly.relayout("sigma-chart", sigmaMarks(matrix));
}

function listenToRank() {
  byId("rank-slider").oninput = (event) => moveRank(event.target.valueAsNumber);
  byId("rank-number").onchange = (event) => moveRank(event.target.valueAsNumber);
}

whenStarted.push(listenToRank);
