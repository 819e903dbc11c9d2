// ---- the selected matrix: every figure of it -------------------------------------------------------------------------

whenChanged.push((state) => {
  const matrix = matrices.get(state.matrix);
  if (!matrix) return;
  byId("matrix-name").textContent = matrix.name;
  byId("matrix-size").textContent = `${matrix.rows} × ${matrix.columns}: outputs by inputs.`;
  byId("matrix-figures").replaceChildren(...data.columns.filter((column) => column.key !== "name").map((column) => {
    const told = tableCell(matrix, column).textContent + (column.style === "rank" && matrix.cells[column.key] !== null ? ` of ${full(matrix)}` : "");
    return element("div", {}, [element("dt", {}, [explained(column.key)]), element("dd", { textContent: told })]);
  }));
});

whenStarted.push(() => {
  byId("previous").onclick = () => step(-1);
  byId("next").onclick = () => step(1);
});
