/* Own SHA-256: plain http has no crypto.subtle. */
(() => {
  const K = [], S = [], w = new Int32Array(64), frac = (x) => (x - Math.floor(x)) * 2 ** 32 | 0;
  const turn = (x, n) => x >>> n | x << 32 - n;
  for (let n = 2, d; K.length < 64; n++) {
    for (d = 2; n % d; d++);
    if (d < n) continue;
    if (S.length < 8) S.push(frac(Math.sqrt(n)));
    K.push(frac(Math.cbrt(n)));
  }
  function firstWord(text) { // of the digest of ≤ 55 ASCII characters
    let i = 0, x, y, t, a = S[0], b = S[1], c = S[2], d = S[3], e = S[4], f = S[5], g = S[6], h = S[7];
    w.fill(0, 0, 16);
    for (; i < text.length; i++) w[i >> 2] |= text.charCodeAt(i) << 24 - 8 * (i & 3);
    w[i >> 2] |= 128 << 24 - 8 * (i & 3);
    w[15] = i * 8;
    for (i = 0; i < 64; i++) {
      if (i > 15) {
        x = w[i - 15]; y = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turn(x, 7) ^ turn(x, 18) ^ x >>> 3) + (turn(y, 17) ^ turn(y, 19) ^ y >>> 10);
      }
      t = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + K[i] + w[i] | 0;
      h = g; g = f; f = e; e = d + t | 0; d = c;
      t = t + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
      c = b; b = a; a = t;
    }
    return a + S[0] | 0;
  }
  const root = document.querySelector('[data-captcha]');
  if (!root) return;
  const part = (css) => root.querySelector(css), status = part('[role=status]'), input = part('.input');
  const [token, work, tick, button, link] = ['token', 'work', 'tick', 'solve', 'new-code'].map((name) => part(`[data-${name}]`));
  const say = (name) => { if (status) status.textContent = root.dataset[name]; };
  let running;
  function solve(atOnce) {
    const own = running = token.value, end = own.slice(-40), shift = 32 - root.dataset.bits;
    let n = 0;
    (function chunk() {
      const stop = atOnce ? Infinity : n + 5000;
      if (running !== own) return;
      for (; n < stop; n++) if (!(firstWord(end + n) >>> shift)) {
        work.value = n;
        running = '';
        return say('done');
      }
      setTimeout(chunk);
    })();
  }
  if (tick) {
    const start = (atOnce) => { if (tick.checked && !work.value) solve(atOnce === true); };
    tick.addEventListener('change', start);
    tick.form.addEventListener('submit', () => start(true));
    start();
  } else {
    button.hidden = false;
    button.addEventListener('click', () => { if (!running && !work.value) { say('busy'); solve(); } });
    link.addEventListener('click', (event) => {
      event.preventDefault();
      fetch(link.href).then((page) => page.text()).then((html) => {
        const fresh = new DOMParser().parseFromString(html, 'text/html').querySelector('[data-captcha]');
        for (const name of ['img', 'audio']) part(name).src = fresh.querySelector(name).getAttribute('src');
        token.value = fresh.querySelector('[data-token]').value;
        running = work.value = input.value = '';
        say('fresh');
        input.focus();
      }).catch(() => location.assign(link.href));
    });
  }
})();
