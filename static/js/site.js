/* Every page works without this file. */
(() => {
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

  each('[data-show]', (button) => {
    const field = document.getElementById(button.dataset.show), show = button.textContent;
    const reveal = (on) => { field.type = on ? 'text' : 'password'; button.textContent = on ? button.dataset.hideText : show; };
    button.hidden = false;
    button.addEventListener('click', () => { reveal(field.type === 'password'); field.focus(); });
    field.form.addEventListener('submit', () => reveal(false));
  });

  each('[data-wait]', (button) => {
    const text = button.textContent, end = Date.now() + button.dataset.wait * 1000, status = button.form.querySelector('[data-ready]');
    button.setAttribute('aria-disabled', 'true');
    button.addEventListener('click', (event) => { if (button.hasAttribute('aria-disabled')) event.preventDefault(); });
    (function tick() {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) {
        button.textContent = button.dataset.waitText.replace('{time}', Math.floor(left / 60) + ':' + String(left % 60).padStart(2, 0));
        return setTimeout(tick, 500);
      }
      button.textContent = text;
      button.removeAttribute('aria-disabled');
      status.textContent = status.dataset.ready;
    })();
  });

  // A second tap would find the form spent; a later one may follow a lost connection.
  each('form', (form) => form.addEventListener('submit', (event) => { event.timeStamp - form.sent < 3000 ? event.preventDefault() : form.sent = event.timeStamp; }));
})();
