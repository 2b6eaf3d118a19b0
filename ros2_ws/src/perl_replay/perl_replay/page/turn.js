'use strict';
// Turns the drawings of space. Without it they stand as they are.
for (const svg of document.querySelectorAll('svg.space')) {
  const scene = svg.querySelector('g[data-view]');
  const centre = scene.dataset.centre.split(' ').map(Number);
  const [yaw0, pitch0, scale0, width, height] = scene.dataset.view.split(' ').map(Number);
  let yaw = yaw0, pitch = pitch0, scale = scale0;
  const items = [...scene.querySelectorAll('[data-at]')].map((element) => {
    const numbers = element.dataset.at.split(' ').map((value) => Number(value) / 1000);
    const points = [];
    for (let at = 0; at < numbers.length; at += 3) points.push(numbers.slice(at, at + 3));
    return {element, points};
  });

  function seen(point) {
    const [x, y, z] = point.map((value, axis) => value - centre[axis]);
    const toward = Math.cos(yaw) * x + Math.sin(yaw) * y;
    const right = -Math.sin(yaw) * x + Math.cos(yaw) * y;
    const up = Math.cos(pitch) * z - Math.sin(pitch) * toward;
    return [width / 2 + scale * right, height / 2 - scale * up];
  }

  function draw() {
    for (const {element, points} of items) {
      const places = points.map(seen);
      const [x, y] = places[0];
      if (element.tagName === 'polyline') {
        element.setAttribute('points', places.map((at) => `${at[0].toFixed(1)},${at[1].toFixed(1)}`).join(' '));
      } else if (element.tagName === 'circle') {
        element.setAttribute('cx', x); element.setAttribute('cy', y);
      } else {
        element.setAttribute('x', x + 7); element.setAttribute('y', y - 5);
      }
    }
  }

  function turn(right, up) {
    yaw -= right;
    pitch = Math.max(-1.5708, Math.min(1.5708, pitch + up));
    draw();
  }

  svg.addEventListener('pointerdown', (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener('pointermove', (event) => {
    if (svg.hasPointerCapture(event.pointerId)) turn(event.movementX * 0.008, event.movementY * 0.008);
  });
  svg.tabIndex = 0;
  svg.addEventListener('keydown', (event) => {
    const step = {ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1]}[event.key];
    if (step) { turn(...step); event.preventDefault(); }
  });

  const bar = document.createElement('div');
  bar.className = 'controls';
  function button(text, act) {
    const made = document.createElement('button');
    made.type = 'button'; made.textContent = text;
    made.addEventListener('click', () => { act(); draw(); });
    bar.append(made);
  }
  button('first view', () => { yaw = yaw0; pitch = pitch0; scale = scale0; });
  button('from above', () => { yaw = -Math.PI / 2; pitch = Math.PI / 2; });
  button('from the front', () => { yaw = Math.PI; pitch = 0; });
  button('from the side', () => { yaw = -Math.PI / 2; pitch = 0; });
  button('nearer', () => { scale *= 1.25; });
  button('farther', () => { scale /= 1.25; });
  const groups = [...scene.querySelectorAll('[data-goal]')];
  const choice = document.createElement('select');
  choice.setAttribute('aria-label', 'which goals are shown');
  for (const name of ['all goals', ...new Set(groups.map((group) => group.dataset.goal))]) {
    const option = document.createElement('option');
    option.value = option.textContent = name;
    choice.append(option);
  }
  choice.addEventListener('change', () => {
    for (const group of groups) {
      group.classList.toggle('hidden', choice.value !== 'all goals' && choice.value !== group.dataset.goal);
    }
  });
  bar.append(choice);
  svg.before(bar);
}
