// The page's state lives in the address: #ask=SUM&layout=NAME&pairs=A:B+C:D&along=WORDS&out=PERCENT&word=WORD.
"use strict";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

function element(tag, properties = {}, children = []) {
  const { attributes = {}, ...own } = properties;
  const made = Object.assign(document.createElement(tag), own);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const readState = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

// Only what differs from what the page says by itself stands in the address.
function setState(change) {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(change)) value === null ? given.delete(key) : given.set(key, value);
  history.replaceState(null, "", "#" + given);
}

const signed = (value, digits = 3) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
