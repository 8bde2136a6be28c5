/* Progressive help only: marks the rules that the typed password meets. The server decides. */
(function () {
  'use strict';
  var kinds = { upper: /\p{Lu}/u, lower: /\p{Ll}/u, digit: /\p{Nd}/u, symbol: /[^\p{Lu}\p{Ll}\p{Nd}]/u };
  var arabic = /[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]/;

  Array.prototype.forEach.call(document.querySelectorAll('[data-rules]'), function (list) {
    var box = list.closest('.field'), field = box && box.querySelector('input'), hint = box && box.querySelector('[data-arabic]');
    if (!field) return;

    function mark(item, met, spoken) {
      var word = item.querySelector('.sr');
      if (!word) { word = document.createElement('span'); word.className = 'sr'; item.append(' ', word); }
      item.classList.toggle('met', met);
      word.textContent = spoken ? (met ? list.dataset.met : list.dataset.unmet) : '';
    }

    function update() {
      var text = field.value.normalize('NFC'), length = Array.from(text).length, phrase = length >= 15;
      Array.prototype.forEach.call(list.querySelectorAll('[data-rule]'), function (item) {
        var rule = item.dataset.rule, kind = kinds[rule];
        var met = rule === 'phrase' ? phrase : kind ? kind.test(text) : length >= 8;
        // From 15 characters on the kinds are not asked for, and before nobody has to reach 15.
        mark(item, met, length > 0 && (met || (rule !== 'phrase' && !phrase)));
      });
      if (!hint) return;
      var say = arabic.test(text) ? hint.dataset.arabic : '';
      if (hint.textContent !== say) hint.textContent = say; // the status line speaks once
    }

    field.addEventListener('input', update);
    update(); // a browser may have filled the field already
  });
})();
