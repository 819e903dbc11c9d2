// ---- colours of the page, as the picture needs them ----------------------------------------------------------------

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const fontOf = () => getComputedStyle(document.body).fontFamily;
const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const mixed = (a, b, share) => a.map((from, i) => from + (b[i] - from) * share);

let colours = null; // read once for each scheme

function readColours() {
  const names = ["panel", "ink", "soft", "line", "accent", "pale", "mark", "green"];
  colours = Object.fromEntries(names.map((name) => [name, colourOf("--" + name)]));
  colours.font = fontOf();
  colours.ramp = ramp(parts(colours.panel), parts(colours.accent), parts(colours.ink));
}

// How a pixel looks by how much of it points cover, in 256ths: from the paper to the colour of one, and on to that of many.
function ramp(paper, one, many) {
  const pixels = new Uint8ClampedArray(4 * 4096);
  for (let cover = 0; cover < 4096; cover++) {
    const few = 1 - Math.exp(-cover / 330), crowd = 1 - Math.exp(-cover / 2600);
    pixels.set([...mixed(mixed(paper, one, 0.82 * few), many, 0.75 * crowd), 255], 4 * cover);
  }
  return new Uint32Array(pixels.buffer);
}
