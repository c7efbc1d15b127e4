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

// What scrolls sideways can be reached with the Tab key; nothing else is a stop for it.
function findScrollers() {
  for (const each of document.querySelectorAll(".md-typeset__scrollwrap, .diagram")) {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    else each.removeAttribute("tabindex");
  }
}
new ResizeObserver(findScrollers).observe(document.body);
addEventListener("load", findScrollers);
