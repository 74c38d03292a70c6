// The editor. With skeleton_pose.js before it, the body of a function that gradio calls once for each editor, with
// element, props, trigger and watch as its arguments.

const GROWTH = 1.05;
const DOT = 5.5; // Radii in pixels of the screen; HIT is of what answers a finger.
const CHOSEN_DOT = 7;
const HIT = 16;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const find = (selector) => element.querySelector(selector);
const editor = find(".editor");
const picture = find(".picture");
const photo = find(".photo");
const tools = [...element.querySelectorAll("[data-action]")];
const limbLines = limbs.map((_, limb) => addLimb(limb));
const jointGroups = indices.map(addJoint);
const backButtons = indices.map(addBackButton);

let pose = null;
let seen = null; // The value that props had last, as text.
let given = null; // The pose that Python set last.
let history = [];
let selected = null; // A joint.
let drag = null; // {joint, pointer: whose, grip: from the pointer to the joint, before: the pose}

// Drawing.

function add(parent, name, attributes = {}) {
  const child = document.createElementNS(parent.namespaceURI, name);
  setAttributes(child, attributes);
  parent.append(child);
  return child;
}

function setAttributes(target, attributes) {
  Object.entries(attributes).forEach(([name, text]) => target.setAttribute(name, text));
}

function addLimb(limb) {
  return add(find(".limbs"), "line", { stroke: `rgb(${colours[limb]})` });
}

function addJoint(joint) {
  const group = add(find(".joints"), "g", { class: "joint", role: "button", tabindex: 0, "data-joint": joint });
  add(group, "circle", { class: "hit" });
  add(group, "circle", { class: "dot", fill: `rgb(${colours[joint]})` });
  add(group, "title").textContent = names[joint];
  return group;
}

function addBackButton(joint) {
  const button = add(find(".back"), "button", { type: "button", "data-back": joint });
  button.textContent = names[joint];
  return button;
}

function draw() {
  editor.classList.toggle("empty", !pose);
  find(".label").textContent = props.label;
  if (!pose) return;
  drawFrame();
  limbs.forEach(drawLimb);
  indices.forEach(drawJoint);
  drawControls();
}

function drawFrame() {
  const [height, width] = pose.size;
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.style.setProperty("--aspect", width / height);
  setAttributes(photo, { width, height });
  photo.classList.toggle("gone", !props.photo);
  if (props.photo && photo.getAttribute("href") !== props.photo) photo.setAttribute("href", props.photo);
}

function drawLimb([a, b], limb) {
  const ends = [pose.joints[a], pose.joints[b]];
  const line = limbLines[limb];
  line.classList.toggle("gone", !ends.every(Boolean));
  if (ends.every(Boolean)) setAttributes(line, { x1: ends[0][0], y1: ends[0][1], x2: ends[1][0], y2: ends[1][1] });
}

function drawJoint(joint) {
  const [group, point] = [jointGroups[joint], pose.joints[joint]];
  group.classList.toggle("gone", !point);
  group.classList.toggle("selected", joint === selected);
  if (!point) return;
  const [cx, cy] = inFrame(point, pose.size); // What lies outside is held by its nearest place inside.
  group.classList.toggle("outside", cx !== point[0] || cy !== point[1]);
  group.setAttribute("aria-label", describe(joint));
  setAttributes(group.querySelector(".hit"), { cx, cy, r: HIT * screenPixel() });
  const radius = joint === selected ? CHOSEN_DOT : DOT;
  setAttributes(group.querySelector(".dot"), { cx, cy, r: radius * screenPixel() });
}

function drawControls() {
  const hidden = indices.map((joint) => !pose.joints[joint]);
  backButtons.forEach((button, joint) => button.classList.toggle("gone", !hidden[joint]));
  find(".back").classList.toggle("gone", !hidden.includes(true));
  const tips = "Drag a joint, or reach it by Tab: arrow keys move it, Delete hides it.";
  find(".status").textContent = selected === null || hidden[selected] ? tips : describe(selected);
  const idle = { undo: !history.length, reset: same(pose, given) };
  tools.forEach((button) => button.setAttribute("aria-disabled", Boolean(idle[button.dataset.action])));
}

function describe(joint) {
  const [x, y] = pose.joints[joint].map(Math.round);
  return `${names[joint]}, x ${x}, y ${y}`;
}

function screenPixel() {
  return pose.size[1] / (picture.getBoundingClientRect().width || pose.size[1]);
}

// Changes, by Python and by the person.

function receive() {
  const text = JSON.stringify(props.value || null);
  if (text !== seen) {
    [seen, given, history] = [text, toPose(props.value), []];
    pose = given;
    drag = pose && drag && { ...drag, before: pose };
  }
  draw();
}

function change(next, goesOn = false) {
  if (same(next, pose)) return;
  if (!goesOn) history.push(pose);
  show(next);
}

function show(next) {
  pose = next;
  seen = JSON.stringify(toValue(pose));
  props.value = toValue(pose);
  draw();
  trigger("input");
}

function select(joint) {
  jointGroups[joint].focus({ preventScroll: true });
  selected = joint;
  draw();
}

function hide(joint) {
  change(withoutJoint(pose, joint));
  const next = [...indices.slice(joint), ...indices].find((other) => pose.joints[other]);
  if (next === undefined) backButtons[joint].focus();
  else select(next);
}

function bringBack(joint) {
  change(withJoint(pose, joint, placeOf(pose, joint)));
  select(joint);
}

const actions = {
  mirror: () => change(mirrored(pose)),
  larger: () => change(scaled(pose, GROWTH)),
  smaller: () => change(scaled(pose, 1 / GROWTH)),
  undo: () => show(history.pop()),
  reset: () => change(given),
};

// What the person does.

function toFrame(event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
  return [x, y];
}

function nearest([x, y]) {
  const favour = (joint) => (joint === selected ? screenPixel() : 0);
  const distance = (joint) => {
    const [cx, cy] = inFrame(pose.joints[joint], pose.size);
    return Math.hypot(cx - x, cy - y) - favour(joint);
  };
  const shown = indices.filter((joint) => pose.joints[joint]);
  return shown.reduce((best, joint) => (distance(joint) < distance(best) ? joint : best));
}

function startDrag(event) {
  if (drag || event.button !== 0) return;
  const pointer = toFrame(event);
  const joint = nearest(pointer);
  const place = inFrame(pose.joints[joint], pose.size);
  drag = { joint, pointer: event.pointerId, grip: [place[0] - pointer[0], place[1] - pointer[1]], before: pose };
  jointGroups[joint].setPointerCapture(event.pointerId);
  select(joint);
}

function moveDrag(event) {
  if (event.pointerId !== drag?.pointer) return;
  const [x, y] = toFrame(event);
  pose = withJoint(pose, drag.joint, [x + drag.grip[0], y + drag.grip[1]]);
  draw();
}

function endDrag() {
  if (!drag) return;
  const moved = pose;
  pose = drag.before;
  drag = null;
  change(moved);
}

function pressKey(event) {
  const joint = Number(event.target.dataset.joint);
  const arrow = ARROWS[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrow) nudge(joint, arrow, event);
  else if (["delete", "h"].includes(event.key.toLowerCase())) hide(joint);
  else return;
  event.preventDefault();
}

function nudge(joint, [dx, dy], { shiftKey, repeat }) {
  const step = shiftKey ? 10 : 1;
  const [x, y] = pose.joints[joint];
  change(withJoint(pose, joint, [x + dx * step, y + dy * step]), repeat);
}

function click(event) {
  const { action, back } = event.target.dataset;
  if (back !== undefined) bringBack(Number(back));
  else if (action && event.target.getAttribute("aria-disabled") !== "true") actions[action]();
}

function listen() {
  const handles = find(".joints");
  const prevent = (event) => event.preventDefault();
  handles.addEventListener("pointerdown", startDrag);
  handles.addEventListener("pointermove", moveDrag);
  handles.addEventListener("lostpointercapture", endDrag);
  handles.addEventListener("mousedown", prevent); // The nearest joint has the focus already.
  handles.addEventListener("touchstart", prevent, { passive: false }); // Chromium heeds no touch-action inside an SVG.
  handles.addEventListener("keydown", pressKey);
  handles.addEventListener("focusin", (event) => select(Number(event.target.dataset.joint)));
  element.addEventListener("click", click);
  new ResizeObserver(draw).observe(picture);
  watch("value label photo".split(" "), receive); // A name in quotes would be an event's name to gradio.
}

listen();
receive();
