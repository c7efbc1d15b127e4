// Draws a sequence diagram with mermaid, and keeps nothing of it but shapes and words. WebDriver
// calls this with what to draw and with a function that takes the result: {svg} or {error}.
const [id, source, title, description, style, fingerprint, done] = arguments;

// Boxes are measured with wide letters, so that a narrower font of a reader's system fits as well.
const SETTINGS = {
  startOnLoad: false,
  securityLevel: "strict",
  theme: "base",
  look: "classic",
  fontFamily: "DejaVu Sans, Verdana, sans-serif",
  fontSize: 14,
  sequence: {
    activationWidth: 10,
    actorMargin: 8,
    boxMargin: 6,
    boxTextMargin: 4,
    diagramMarginX: 2,
    diagramMarginY: 2,
    height: 44,
    labelBoxHeight: 18,
    labelBoxWidth: 40,
    messageMargin: 30,
    mirrorActors: false,
    noteMargin: 8,
    useMaxWidth: false,
    width: 84,
    wrapPadding: 6,
  },
};
const NOTE_PADDING = 8;
const SHAPES = "circle, defs, g, line, marker, path, polygon, rect, text, tspan";
const ATTRIBUTES = new RegExp(
  "^(class|c[xy]|d|d[xy]|dominant-baseline|height|marker-(start|end)|marker(Height|Units|Width)|" +
    "orient|points|r|ref[XY]|r[xy]|text-anchor|transform|width|[xy][12]?)$",
);

// Mermaid lets a long note run over its box.
function widenNotes(svg) {
  for (const note of svg.querySelectorAll("rect.note")) {
    const words = [...note.parentNode.querySelectorAll("text")].map((text) => text.getBBox());
    const wide = Math.ceil(Math.max(...words.map((box) => box.width))) + 2 * NOTE_PADDING;
    const { x, width } = note.getBBox();
    if (wide > width) {
      note.setAttribute("x", x - (wide - width) / 2);
      note.setAttribute("width", wide);
    }
  }
}

// Mermaid cuts off what is outside of its view box, and draws the actors' lines down to 2000.
function fitViewBox(svg) {
  let { x: left, y: top, width, height } = svg.viewBox.baseVal;
  let [right, bottom] = [left + width, top + height];
  for (const shape of svg.querySelectorAll("rect, text, circle, path, polygon")) {
    if (shape.closest("defs")) continue;
    const box = shape.getBBox();
    left = Math.min(left, Math.floor(box.x) - 2);
    top = Math.min(top, Math.floor(box.y) - 2);
    right = Math.max(right, Math.ceil(box.x + box.width) + 2);
    bottom = Math.max(bottom, Math.ceil(box.y + box.height) + 2);
  }
  svg.setAttribute("viewBox", [left, top, right - left, bottom - top].join(" "));
  svg.querySelectorAll("line.actor-line").forEach((line) => line.setAttribute("y2", bottom));
}

function keepShapes(svg) {
  const markers = [...svg.querySelectorAll("[marker-start], [marker-end]")].flatMap((line) => [
    line.getAttribute("marker-start"),
    line.getAttribute("marker-end"),
  ]);
  for (const each of [...svg.querySelectorAll("*")].reverse()) {
    const unused = each.matches("marker") && !markers.includes(`url(#${each.id})`);
    const empty = each.matches("defs, g") && !each.children.length;
    if (!each.matches(SHAPES) || unused || empty) {
      each.remove();
      continue;
    }
    if (each.matches("text") && each.children.length === 1) {
      // One line needs no <tspan> of its own.
      const [line] = each.children;
      const shift = Number(line.getAttribute("dy") ?? 0);
      if (shift) each.setAttribute("y", Number(each.getAttribute("y")) + shift);
      each.textContent = line.textContent;
    }
    for (const { name } of [...each.attributes]) {
      if (!ATTRIBUTES.test(name) && !(name === "id" && each.matches("marker"))) {
        each.removeAttribute(name);
      }
    }
  }
}

function describe(svg) {
  const { width, height } = svg.viewBox.baseVal;
  for (const { name } of [...svg.attributes]) {
    if (!["viewBox", "xmlns"].includes(name)) svg.removeAttribute(name);
  }
  const attributes = {
    class: "sequence",
    width,
    height,
    role: "img",
    "aria-labelledby": `${id}-title`,
    "aria-describedby": `${id}-desc`,
    "data-source": fingerprint,
  };
  for (const [name, text] of Object.entries(attributes)) svg.setAttribute(name, text);
  const words = { style: `\n${style}\n`, desc: description, title };
  for (const [tag, text] of Object.entries(words)) {
    const element = document.createElementNS(svg.namespaceURI, tag);
    if (tag !== "style") element.id = `${id}-${tag}`;
    element.textContent = text;
    svg.prepend(element);
  }
}

async function draw() {
  mermaid.initialize(SETTINGS);
  document.body.innerHTML = (await mermaid.render(id, source)).svg;
  const svg = document.body.firstElementChild;
  if (svg.getAttribute("aria-roledescription") !== "sequence") {
    throw new Error("this is no sequence diagram");
  }
  widenNotes(svg);
  fitViewBox(svg);
  keepShapes(svg);
  describe(svg);
  return new XMLSerializer().serializeToString(svg);
}

draw().then(
  (svg) => done({ svg }),
  (error) => done({ error: `${error}` }),
);
