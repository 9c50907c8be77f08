"use strict";
// Zooms the timeline. Without this script it shows the moment that matters, and no other.
(() => {
  const figure = document.querySelector(".timeline");
  const picture = figure.querySelector(".picture");
  const overview = figure.querySelector(".overview");
  const says = figure.querySelector("output");
  const axis = figure.querySelector(".axis");
  const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const number = (element, name) => Number(element.dataset[name]);
  const end = number(figure, "end"), bottom = number(picture, "bottom");
  const moment = [number(figure, "from"), number(figure, "to")];
  const whole = [0, end];
  const shapes = [...picture.querySelectorAll(".shapes rect")].map((element) => ({
    element, a: number(element, "a"), b: number(element, "b"), text: element.textContent,
  }));
  const said = shapes.filter((shape) => shape.text && shape.element.classList.contains("tick"))
    .sort((one, two) => one.a - two.a);
  const units = [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]];
  let view = moment, width = 960, chosen = null, waiting = false;

  const inUnits = (ns, least) => {
    const [name, unit] = units.findLast(([, unit]) => unit <= Math.max(least, 1));
    return `${+(ns / unit).toFixed(3)} ${name}`;
  };

  const drawAxis = (x) => {
    const span = view[1] - view[0];
    let step = 1;
    for (let power = 1; span / step > width / 110; power *= 10) {
      step = [1, 2, 5].map((digit) => digit * power).find((step) => span / step <= width / 110) ?? power * 10;
    }
    axis.replaceChildren();
    const first = Math.ceil(view[0] / step) * step;
    for (let time = first; x(time) < width - 50; time += step) {
      const line = svg("path"), label = svg("text");
      line.setAttribute("d", `M${x(time)} 0V${bottom}`);
      label.setAttribute("x", x(time) + 3);
      label.setAttribute("y", bottom + 16);
      label.textContent = time === first ? inUnits(time, time) : `+${inUnits(time - first, span)}`;
      axis.append(line, label);
    }
  };

  const draw = () => {
    waiting = false;
    width = picture.clientWidth || 960;
    picture.setAttribute("viewBox", `0 0 ${width} ${picture.getAttribute("height")}`);
    const scale = width / (view[1] - view[0]);
    const x = (time) => Math.max(-20, Math.min(width + 20, (time - view[0]) * scale));
    for (const { element, a, b } of shapes) {
      const here = b >= view[0] && a <= view[1];
      element.setAttribute("visibility", here ? "visible" : "hidden");
      if (!here) continue;
      const left = x(a), long = x(b) - left;
      element.setAttribute("x", a === b ? left - 1 : left);
      element.setAttribute("width", a === b ? 2 : Math.max(1, long));
    }
    drawAxis(x);
    frame.setAttribute("x", (view[0] / end) * 960);
    frame.setAttribute("width", Math.max(2, ((view[1] - view[0]) / end) * 960));
  };

  const show = (from, to) => {
    const span = Math.min(Math.max(to - from, 20), end * 1.1 + 20);
    const start = Math.min(Math.max((from + to - span) / 2, -end * 0.05), Math.max(end * 1.05 - span, -end * 0.05));
    view = [start, start + span];
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };
  const zoom = (factor, at = (view[0] + view[1]) / 2) =>
    show(at - (at - view[0]) * factor, at + (view[1] - at) * factor);
  const pan = (part) => show(view[0] + (view[1] - view[0]) * part, view[1] + (view[1] - view[0]) * part);
  const timeAt = (event) => view[0] + ((event.clientX - picture.getBoundingClientRect().left) / width) * (view[1] - view[0]);

  const choose = (shape) => {
    chosen?.element.classList.remove("chosen");
    chosen = shape;
    if (!shape) return;
    shape.element.classList.add("chosen");
    says.textContent = shape.text;
  };
  const step = (direction) => {
    const middle = chosen ? chosen.a : view[0];
    const index = chosen ? said.indexOf(chosen) + direction
      : direction > 0 ? said.findIndex((shape) => shape.a >= middle) : said.findLastIndex((shape) => shape.a <= middle);
    const next = said[Math.max(0, Math.min(said.length - 1, index))];
    if (!next) return;
    choose(next);
    if (next.a < view[0] || next.a > view[1]) {
      const half = (view[1] - view[0]) / 2;
      show(next.a - half, next.a + half);
    }
  };

  const commands = [
    ["That moment", "Home", () => show(...moment)],
    ["Whole run", "End", () => show(...whole)],
    ["−", "-", () => zoom(2), "zoom out"],
    ["+", "+", () => zoom(0.5), "zoom in"],
    ["◀", "ArrowLeft", () => pan(-0.25), "earlier"],
    ["▶", "ArrowRight", () => pan(0.25), "later"],
    ["‹ access", ",", () => step(-1), "the access before"],
    ["access ›", ".", () => step(1), "the next access"],
  ];
  const controls = document.createElement("div");
  controls.className = "controls";
  for (const [text, key, action, label] of commands) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.title = `${label ?? text} (key ${key})`;
    if (label) button.setAttribute("aria-label", label);
    button.addEventListener("click", action);
    controls.append(button);
  }
  if (moment[0] <= 0 && moment[1] >= end) controls.firstChild.remove();
  figure.prepend(controls);
  figure.addEventListener("keydown", (event) => {
    const command = commands.find(([, key]) => key === event.key || (key === "+" && event.key === "="));
    if (!command || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    command[2]();
  });

  picture.addEventListener("wheel", (event) => {
    if (event.ctrlKey) zoom(Math.exp(event.deltaY / 100), timeAt(event));
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / width);
    else return;
    event.preventDefault();
  }, { passive: false });
  let drag = null;
  picture.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, view }; });
  addEventListener("pointermove", (event) => {
    if (!drag || !event.buttons) { drag = null; return; }
    const by = ((drag.x - event.clientX) / width) * (drag.view[1] - drag.view[0]);
    show(drag.view[0] + by, drag.view[1] + by);
  });
  addEventListener("pointerup", () => { drag = null; });
  picture.addEventListener("dblclick", (event) => zoom(0.25, timeAt(event)));
  for (const type of ["pointerover", "click"]) {
    picture.addEventListener(type, (event) => {
      const shape = shapes.find((shape) => shape.element === event.target && shape.text);
      if (shape) choose(shape);
    });
  }
  overview.addEventListener("click", (event) => {
    const box = overview.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * end, half = (view[1] - view[0]) / 2;
    show(at - half, at + half);
  });

  const frame = svg("rect");
  frame.setAttribute("class", "view");
  frame.setAttribute("y", 0);
  frame.setAttribute("height", 36);
  overview.append(frame);
  figure.classList.add("live");
  says.textContent = "Point at a mark to read it, or step from access to access.";
  addEventListener("resize", () => show(...view));
  addEventListener("beforeprint", draw);
  draw();
})();
