/* Shows what asks for a passkey where the browser has them. */
(() => {
  const form = document.querySelector('[data-passkey]');
  if (!form || !window.PublicKeyCredential) return;
  const status = form.querySelector('[role=status]');
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
  async function ask() {
    const { publicKey: wish } = await (await fetch(form.dataset.passkey)).json(), response = {};
    for (const part of [wish.user, ...(wish.allowCredentials || wish.excludeCredentials || [])]) if (part) part.id = bytes(part.id);
    wish.challenge = bytes(wish.challenge);
    const made = await navigator.credentials[wish.user ? 'create' : 'get']({ publicKey: wish });
    for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
      if (made.response[name]) response[name] = text(made.response[name]);
    }
    form.credential.value = JSON.stringify({ rawId: made.id, response });
    form.submit();
  }
  form.hidden = false;
  document.querySelectorAll('[data-no-passkey]').forEach((note) => note.remove());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    status.textContent = '';
    ask().catch(() => { status.textContent = form.dataset.failed; });
  });
})();
