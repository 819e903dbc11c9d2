// ---- one word in its sentences, beside the one vector that it has in the map ---------------------------------------

function startContextual() {
  if (!data.contextual) return;
  const { word, sentences, places: points } = data.contextual, i = indexOf(word);
  const most = Math.max(1e-12, ...points.flat().map(Math.abs));
  const percent = (value) => 50 + (44 * value) / most;
  const rows = sentences.map((text, n) => element("tr", { id: "sentence-" + n, tabIndex: -1 }, [element("th", { scope: "row", textContent: `${n + 1}. ${text}` }), ...points[n].map((value) => element("td", { textContent: signed(value) }))]));
  byId("contextual-sentences").replaceChildren(...rows);
  const light = (n, on) => rows[n].toggleAttribute("data-lit", on);
  byId("contextual-chart").replaceChildren(...points.map(([x, y], n) => {
    const dot = element("button", { type: "button", className: "dot", title: sentences[n], textContent: n + 1, attributes: { "aria-label": `${n + 1}: ${sentences[n]}` } });
    Object.assign(dot.style, { left: percent(x) + "%", top: 100 - percent(y) + "%" });
    dot.onclick = () => rows[n].focus();
    dot.onmouseenter = dot.onfocus = () => light(n, true);
    dot.onmouseleave = dot.onblur = () => light(n, false);
    return dot;
  }));
  byId("contextual-static").replaceChildren(i === undefined ? element("p", { className: "definition", textContent: `The map has no vector for ${word}.` }) : ranked(nearest(vectorOf(i), MANY, [i])));
}
