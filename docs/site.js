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
