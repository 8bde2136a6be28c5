/* Progressive help only: every page works with this file missing. Its words come from data- attributes. */
(function () {
  'use strict';
  var each = function (selector, act) { Array.prototype.forEach.call(document.querySelectorAll(selector), act); };

  each('[data-show]', function (button) {
    var field = document.getElementById(button.dataset.show), show = button.textContent, hide = button.dataset.hideText;
    var reveal = function (on) { field.type = on ? 'text' : 'password'; button.textContent = on ? hide : show; };
    if (!field) return;
    button.hidden = false;
    button.addEventListener('click', function () { reveal(field.type === 'password'); field.focus(); });
    // Browsers offer to keep what stands in a text field: it leaves as a password again.
    if (field.form) field.form.addEventListener('submit', function () { reveal(false); });
  });

  each('[inputmode=numeric]', function (field) { // Arabic-Indic and Persian digits become 0-9; spaces and dashes go
    field.addEventListener('input', function () {
      var value = field.value.replace(/[\u0660-\u0669\u06f0-\u06f9]/g, function (c) { return c.charCodeAt(0) & 15; }).replace(/[^0-9]/g, '');
      if (value !== field.value) field.value = value;
    });
  });

  each('[data-wait]', function (button) {
    var text = button.textContent, end = Date.now() + button.dataset.wait * 1000, status = button.form.querySelector('[data-ready]');
    var waiting = function () { return button.getAttribute('aria-disabled') === 'true'; };
    button.setAttribute('aria-disabled', 'true');
    button.addEventListener('click', function (event) { if (waiting()) event.preventDefault(); });
    (function tick() {
      var left = Math.ceil((end - Date.now()) / 1000), seconds = left % 60;
      if (left > 0) {
        button.textContent = button.dataset.waitText.replace('{time}', Math.floor(left / 60) + ':' + (seconds < 10 ? '0' : '') + seconds);
        return setTimeout(tick, 500);
      }
      button.textContent = text;
      button.removeAttribute('aria-disabled');
      if (status) status.textContent = status.dataset.ready;
    })();
  });

  each('[data-print]', function (button) { button.hidden = false; button.addEventListener('click', function () { print(); }); });
})();
