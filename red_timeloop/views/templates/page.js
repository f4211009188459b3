"use strict";
const tip = document.getElementById("tip");

function hush() {
  tip.hidden = true;
  document.querySelectorAll(".on").forEach((mark) => mark.classList.remove("on"));
}

// Say what a mark stands for, beside it, and show it; the same point of a sweep in all figures.
function say(mark) {
  hush();
  const section = mark.closest("section"), { design, tip: words, point } = mark.dataset;
  const label = section.querySelector(`input[name=design][value="${CSS.escape(design ?? "")}"]`);
  const layer = mark.closest(".row")?.dataset.layer;
  tip.textContent = [layer, label?.dataset.label].filter(Boolean).concat(words).join(", ");
  const alike = point ? section.querySelectorAll(`[data-point="${CSS.escape(point)}"]`) : [mark];
  alike.forEach((each) => each.classList.add("on"));
  tip.hidden = false;
  const box = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const left = Math.min(box.right + 8, document.documentElement.clientWidth - own.width - 8);
  tip.style.left = `${Math.max(8, left) + scrollX}px`;
  tip.style.top = `${(box.top > own.height + 8 ? box.top - own.height - 6 : box.bottom + 6) + scrollY}px`;
}

document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest("[data-tip]");
  mark ? say(mark) : hush();
});
document.addEventListener("focusout", hush);

for (const figure of document.querySelectorAll("svg.fig")) {
  figure.addEventListener("keydown", (event) => {
    const marks = [...figure.querySelectorAll("[data-tip]")].filter((m) => m.getClientRects().length);
    const at = marks.indexOf(figure.querySelector(".on"));
    const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
      Home: 0, End: marks.length - 1 }[event.key];
    if (event.key === "Escape") hush();
    if (next === undefined || !marks.length) return;
    event.preventDefault();
    say(marks[Math.min(Math.max(next, 0), marks.length - 1)]);
  });
}

// Layers and designs that are switched off leave figures and tables; the rows below move up.
for (const section of document.querySelectorAll("section.workload")) {
  const boxes = [...section.querySelectorAll(".switches input[value]")];
  const fold = section.querySelector(".fold");
  const show = () => {
    const off = boxes.filter((box) => !box.checked).map((box) => `${box.name}:${box.value}`);
    const hidden = new Set(off);
    for (const each of section.querySelectorAll("[data-layer], [data-design]")) {
      const { layer, design } = each.dataset;
      each.classList.toggle("off", hidden.has(`layer:${layer}`) || hidden.has(`design:${design}`));
    }
    for (const figure of section.querySelectorAll("svg[data-pitch]")) {
      const pitch = Number(figure.dataset.pitch), box = figure.viewBox.baseVal;
      figure.dataset.height ??= box.height;
      let gone = 0;
      for (const row of figure.querySelectorAll(".row")) {
        row.setAttribute("transform", `translate(0 ${-gone * pitch})`);
        gone += row.classList.contains("off");
      }
      box.height = figure.dataset.height - gone * pitch;
    }
  };
  const unfold = () => {
    boxes.filter((box) => "alike" in box.dataset).forEach((box) => { box.checked = fold.checked; });
    show();
  };
  section.querySelector(".switches").addEventListener("change", (event) => {
    event.target === fold ? unfold() : show();
  });
  fold ? unfold() : show();
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, rows = head.closest("table").tBodies[0];
    const up = head.ariaSort !== "ascending";
    const value = (row) => {
      const cell = row.cells[head.cellIndex];
      if (!("v" in cell.dataset)) return cell.textContent;
      const number = Number(cell.dataset.v.replace("inf", "Infinity"));
      return Number.isNaN(number) ? -Infinity : number;
    };
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.ariaSort = up ? "ascending" : "descending";
    const sorted = [...rows.rows].sort((a, b) => {
      const [x, y] = up ? [value(a), value(b)] : [value(b), value(a)];
      return x < y ? -1 : x > y ? 1 : 0;
    });
    rows.append(...sorted);
  });
}
