// The page at `/`: Swagger UI over openapi.json; without it (no `make pages`), a plain list of the same requests.

const dark = matchMedia('(prefers-color-scheme: dark)')
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', paint)
paint()

const byId = (id) => document.getElementById(id)
const isLocal = ['localhost', '127.0.0.1'].includes(location.hostname)

/** Our own header says what Swagger UI's would, the server is this one, and a path inside a button is no link. */
const plainer = () => ({
  wrapComponents: {
    InfoContainer: () => () => null,
    ServersContainer: () => () => null,
    DeepLink: (_original, { React }) => ({ text }) => React.createElement('span', null, text),
  },
})

async function show() {
  const [spec, token] = await Promise.all([read('/openapi.json'), isLocal ? text(`/dev/token${location.search}`) : null])
  if (!spec) return void byId('reference').replaceChildren(line('openapi.json cannot be read: make openapi writes it.'))
  if (!window.SwaggerUIBundle) return list(spec)
  const ui = SwaggerUIBundle({
    spec,
    dom_id: '#reference',
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    docExpansion: 'list',
    tryItOutEnabled: true,
    validatorUrl: null,
    plugins: [plainer],
    onComplete: () => token && signIn(ui, spec, token),
  })
}

/** Gives a name to each field that Swagger UI leaves without one, and lets the keyboard scroll its examples. */
function nameFields() {
  for (const field of document.querySelectorAll('#reference :is(input, textarea, select):not([aria-label])')) {
    field.setAttribute('aria-label', field.placeholder || field.getAttribute('title') || (field.tagName === 'SELECT' ? 'Choice' : 'Request body'))
  }
  for (const example of document.querySelectorAll('#reference pre:not([tabindex])')) example.tabIndex = 0
}

function signIn(ui, spec, token) {
  const [scheme] = Object.keys(spec.security[0])
  ui.preauthorizeApiKey(scheme, token)
  byId('token').hidden = false
  byId('token').textContent = 'A development token is filled in: every request can be executed.'
}

function list(spec) {
  const rows = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary }]) => line(`${method.toUpperCase()} ${path}: ${summary}`)),
  )
  const list = document.createElement('main')
  list.replaceChildren(line('This is the short list; `make pages` builds the whole reference.'), ...rows)
  byId('reference').replaceChildren(list)
}

function line(content) {
  return Object.assign(document.createElement('p'), { textContent: content })
}

async function read(url) {
  const response = await fetch(url).catch(() => null)
  return response?.ok ? response.json() : null
}

async function text(url) {
  const response = await fetch(url).catch(() => null)
  return response?.ok ? response.text() : null
}

async function health() {
  const response = await fetch('/api/health', { cache: 'no-store' }).catch(() => null)
  const found = await response?.json().catch(() => null)
  const shown = byId('health')
  shown.className = found?.status === 'ok' ? 'ok' : 'bad'
  if (!found) shown.textContent = 'The API does not answer'
  else if (found.status === 'ok') shown.textContent = `Healthy: schema ${found.schema_revision}`
  else shown.textContent = `Unavailable: database ${found.database ?? 'unknown'}`
}

async function wizard() {
  const response = await fetch('/wizard/wizard.css', { method: 'HEAD' }).catch(() => null)
  byId('wizard').hidden = !response?.ok
}

new MutationObserver(nameFields).observe(byId('reference'), { childList: true, subtree: true })
show()
health()
setInterval(health, 15000)
wizard()
