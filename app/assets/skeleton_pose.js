// Poses, and what changes them. skeleton_editor.py puts SKELETON before this file: names, limbs and colours of the joints,
// and the largest coordinate.
//
// A pose is {size: [H, W], joints, places}: joints are [x, y] in pixels of the frame, or null where hidden; places are
// where the hidden ones stood. Poses are never changed, only replaced.

const { names, limbs, colours, largest } = SKELETON;
const indices = names.map((_, joint) => joint);
const opposites = names.map((name) => names.indexOf(otherSide(name)));

function otherSide(name) {
  return name.replace(/left|right/, (side) => (side === "left" ? "right" : "left"));
}

function toPose(value) {
  return value ? { ...value, places: names.map(() => null) } : null;
}

function toValue({ size, joints }) {
  return { size, joints };
}

function rounded(point) {
  return point.map((number) => Math.round(Math.max(-largest, Math.min(largest, number)) * 100) / 100);
}

function inFrame([x, y], [height, width]) {
  return [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(height - 1, y))];
}

function withJoint(pose, joint, point) {
  return { ...pose, joints: pose.joints.with(joint, rounded(inFrame(point, pose.size))) };
}

function withoutJoint(pose, joint) {
  return { ...pose, joints: pose.joints.with(joint, null), places: pose.places.with(joint, pose.joints[joint]) };
}

function placeOf(pose, joint) {
  const neighbours = limbs.filter((limb) => limb.includes(joint)).map(([a, b]) => (a === joint ? b : a));
  const neighbour = neighbours.find((other) => pose.joints[other]);
  const middle = [pose.size[1] / 2, pose.size[0] / 2];
  return pose.places[joint] ?? pose.joints[neighbour] ?? middle;
}

function withPoints(pose, change) {
  return { ...pose, joints: change(pose.joints), places: change(pose.places) };
}

function mirrored(pose) {
  const flipped = (point) => point && rounded([pose.size[1] - 1 - point[0], point[1]]);
  return withPoints(pose, (points) => opposites.map((other) => flipped(points[other])));
}

function scaled(pose, factor) {
  if (!pose.joints.some(Boolean)) return pose;
  const centre = centreOf(pose.joints.filter(Boolean));
  const moved = (point) => point && rounded(point.map((number, axis) => centre[axis] + (number - centre[axis]) * factor));
  return withPoints(pose, (points) => points.map(moved));
}

function centreOf(points) {
  return [0, 1].map((axis) => {
    const numbers = points.map((point) => point[axis]);
    return (Math.min(...numbers) + Math.max(...numbers)) / 2;
  });
}

function same(a, b) {
  return JSON.stringify(toValue(a)) === JSON.stringify(toValue(b));
}
