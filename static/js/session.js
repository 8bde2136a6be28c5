/* Warns two minutes before the session ends, and keeps it without leaving the page. */
(() => {
  const box = document.querySelector('[data-session]'), form = box.querySelector('form');
  let end;
  const goOn = (seconds) => { end = Date.now() + seconds * 1000; };
  const tell = () => {
    const left = end - Date.now(), now = left <= 0 ? 'over' : left <= 120000 ? 'soon' : 'until';
    box.querySelectorAll('[data-say]').forEach((text) => { text.hidden = text.dataset.say !== now; });
    box.classList.toggle('soon', now !== 'until');
    form.hidden = now === 'over';
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    fetch(form.action, {method: 'POST', body: new FormData(form), redirect: 'manual'})
      .then((answer) => { goOn(answer.ok ? answer.headers.get('Session-Seconds') : 0); tell(); }, () => {});
  });
  goOn(box.dataset.session);
  setInterval(tell, 1000);
})();
