// ---- words, explained on hover and on focus ------------------------------------------------------------------------

function explained(key, label = data.terms[key].label, tag = "dfn") {
  const made = element(tag, { className: "term", textContent: label, tabIndex: 0 });
  made.dataset.term = key;
  made.setAttribute("aria-describedby", "term-" + key);
  return made;
}

function showTip(word) {
  const tip = byId("tip");
  tip.replaceChildren(element("b", { textContent: data.terms[word.dataset.term].label }), " " + data.terms[word.dataset.term].definition);
  tip.hidden = false;
  const at = word.getBoundingClientRect();
  const edge = document.documentElement.clientWidth - tip.offsetWidth - 8;
  const above = at.top - tip.offsetHeight - 8;
  tip.style.left = Math.max(8, Math.min(at.left, edge)) + "px";
  tip.style.top = (above > 8 ? above : at.bottom + 8) + "px";
}

function explainWords() {
  const wordOf = (event) => event.target.closest?.("[data-term]");
  const hide = () => (byId("tip").hidden = true);
  for (const event of ["mouseover", "focusin"]) document.addEventListener(event, (happened) => (wordOf(happened) ? showTip(wordOf(happened)) : hide()));
  for (const event of ["mouseout", "focusout"]) document.addEventListener(event, (happened) => wordOf(happened) && hide());
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("scroll", hide, { capture: true, passive: true });
}
