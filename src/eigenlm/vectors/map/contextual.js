// ---- one word in its sentences, beside the one vector that it has in the map ---------------------------------------

const CROWD = 40; // sentences beyond which points have no room for numbers
const GROUP_COLOURS = 4;

function startContextual() {
  if (!data.contextual) return;
  const { word, sentences, places: points, groups } = data.contextual, i = indexOf(word);
  const rows = sentences.map((text, n) => sentenceRow(text, n, points[n], groups?.[n]));
  byId("contextual-group").hidden = !groups;
  byId("contextual-sentences").replaceChildren(...rows);
  const most = Math.max(1e-12, ...points.flat().map(Math.abs));
  byId("contextual-chart").replaceChildren(...points.map(([x, y], n) => {
    const small = points.length > CROWD, colour = (groups?.[n] ?? 0) % GROUP_COLOURS;
    const dot = element("button", { type: "button", className: `dot group-${colour}` + (small ? " small" : ""), title: sentences[n], textContent: small ? "" : n + 1, attributes: { "aria-label": `${n + 1}: ${sentences[n]}` } });
    Object.assign(dot.style, { left: 50 + (44 * x) / most + "%", top: 50 - (44 * y) / most + "%" });
    dot.onclick = () => rows[n].focus();
    dot.onmouseenter = dot.onfocus = () => rows[n].toggleAttribute("data-lit", true);
    dot.onmouseleave = dot.onblur = () => rows[n].toggleAttribute("data-lit", false);
    return dot;
  }));
  byId("contextual-static").replaceChildren(i === undefined ? element("p", { className: "definition", textContent: `The map has no vector for ${word}.` }) : ranked(nearest(vectorOf(i), MANY, [i])));
}

function sentenceRow(text, n, place, group) {
  const cells = [...(group === undefined ? [] : [group + 1]), ...place.map((value) => signed(value))];
  return element("tr", { id: "sentence-" + n, tabIndex: -1 }, [element("th", { scope: "row", textContent: `${n + 1}. ${text}` }), ...cells.map((textContent) => element("td", { textContent }))]);
}
