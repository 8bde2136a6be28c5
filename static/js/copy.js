/* What can be copied can be selected too, where this file does not run. */
document.querySelectorAll('[data-copy]').forEach((button) => {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.dataset.copy.replace(/ /g, ''));
    button.textContent = button.dataset.done;
  });
});
