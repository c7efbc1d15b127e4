// Where you are: which sections of a chapter you have done. It is kept in this browser, and sent nowhere.
const done = document.querySelector("#section-done");
for (const heading of done ? document.querySelectorAll("article h2[id]:not([data-search-exclude])") : []) {
  const row = done.content.firstElementChild.cloneNode(true);
  const box = row.querySelector("input");
  const key = `done ${location.pathname}#${heading.id}`;
  const entries = document.querySelectorAll(`.md-nav--secondary [href$="#${CSS.escape(heading.id)}"]`);
  const show = () => entries.forEach((each) => each.classList.toggle("is-done", box.checked));
  box.setAttribute("aria-describedby", heading.id);
  try {
    box.checked = key in localStorage;
  } catch {
    break; // this browser keeps nothing
  }
  box.addEventListener("change", () => {
    if (box.checked) localStorage[key] = "yes";
    else delete localStorage[key];
    show();
  });
  show();
  let last = heading;
  while (last.nextElementSibling && !last.nextElementSibling.matches("h2, .feedback, template")) {
    last = last.nextElementSibling;
  }
  last.after(row);
}

// A recording can be paused: its still takes its place. Where motion is not wanted, there is only the still.
const pause = document.querySelector("#recording-pause");
for (const recording of matchMedia("(prefers-reduced-motion: reduce)").matches ? [] : document.querySelectorAll(".recording")) {
  const button = pause.content.firstElementChild.cloneNode(true);
  const stills = recording.querySelectorAll("source");
  const media = stills[0].media;
  button.addEventListener("click", () => {
    const paused = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", paused);
    for (const still of stills) still.media = paused ? "all" : media;
  });
  recording.append(button);
}

// Material would unfold everything for a print: what is folded stays folded.
addEventListener("beforeprint", (event) => event.stopImmediatePropagation(), true);

// Long lines of code are wrapped, or they scroll: as you chose last, on every page. This browser keeps the choice.
const wrapping = [];
for (const caption of document.querySelectorAll(".listing > figcaption")) {
  const button = document.querySelector("#wrap-lines").content.firstElementChild.cloneNode(true);
  button.addEventListener("click", () => {
    const wraps = button.getAttribute("aria-pressed") === "false";
    showLines(wraps);
    try {
      localStorage.wrapLines = wraps;
    } catch {} // it is kept for this page only
  });
  caption.insertBefore(button, caption.querySelector(".listing-copy"));
  wrapping.push(button);
}
function showLines(wraps) {
  document.documentElement.classList.toggle("code-scrolls", !wraps);
  for (const button of wrapping) button.setAttribute("aria-pressed", wraps);
  findScrollers();
}

// Only a listing with a line that is too long has the button.
function findLongLines() {
  const long = wrapping.map((button) => {
    const code = button.closest(".listing").querySelector("pre > code");
    const height = 1.5 * parseFloat(getComputedStyle(code).lineHeight);
    const scrolls = code.offsetWidth > code.parentElement.clientWidth;
    return scrolls || [...code.querySelectorAll(".line")].some((each) => each.offsetHeight > height);
  });
  wrapping.forEach((button, number) => (button.hidden = !long[number]));
}

// What scrolls sideways can be reached with the Tab key; nothing else is a stop for it.
function findScrollers() {
  findLongLines();
  for (const each of document.querySelectorAll(".md-typeset__scrollwrap, .diagram, .listing .highlight")) {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    else each.removeAttribute("tabindex");
  }
}
new ResizeObserver(findScrollers).observe(document.body);
addEventListener("load", findScrollers);
try {
  showLines(localStorage.wrapLines !== "false");
} catch {
  showLines(true);
}
