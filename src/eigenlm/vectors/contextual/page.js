"use strict";
// A place that is pointed at, or has the focus, is lit in every picture and in the list, and its sentence is told.
const told = document.getElementById("told");
let lit = null;

function light(place) {
  if (place === lit) return;
  for (const mark of document.querySelectorAll(".lit")) mark.classList.remove("lit");
  lit = place;
  if (place === null) return;
  for (const mark of document.querySelectorAll(`[data-place="${place}"]`)) mark.classList.add("lit");
  told.textContent = document.querySelector(`li[data-place="${place}"]`).textContent;
}

for (const event of ["mouseover", "focusin", "click"]) {
  document.addEventListener(event, ({ target }) => light(target.closest("[data-place]")?.dataset.place ?? null));
}
