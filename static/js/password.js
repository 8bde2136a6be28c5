/* Marks the rules that are met. The server decides. */
(() => {
  const kinds = { upper: /\p{Lu}/u, lower: /\p{Ll}/u, digit: /\p{Nd}/u, symbol: /[^\p{Lu}\p{Ll}\p{Nd}]/u };
  const arabic = /[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]/;

  document.querySelectorAll('[data-rules]').forEach((list) => {
    const box = list.closest('.field'), field = box.querySelector('input'), hint = box.querySelector('[data-arabic]');

    function mark(item, met, word) {
      const spoken = item.querySelector('.sr') || item.appendChild(document.createElement('span'));
      spoken.className = 'sr';
      spoken.textContent = word && ' ' + word;
      item.classList.toggle('met', met);
    }

    function update() {
      const text = field.value.normalize('NFC'), length = [...text].length, phrase = length > 14;
      list.querySelectorAll('[data-rule]').forEach((item) => {
        const rule = item.dataset.rule, kind = kinds[rule];
        const met = rule === 'phrase' ? phrase : kind ? kind.test(text) : length > 7;
        // From 15 characters on the kinds are not asked for, and before nobody has to reach 15.
        const asked = length && (met || (rule !== 'phrase' && !phrase));
        mark(item, met, asked ? list.dataset[met ? 'met' : 'unmet'] : '');
      });
      const say = arabic.test(text) ? hint.dataset.arabic : '';
      if (hint.textContent !== say) hint.textContent = say;
    }

    field.addEventListener('input', update);
    update();
  });
})();
