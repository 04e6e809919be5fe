/**
 * One process of the app: who logs in here is logged in at every other process, since sessions are
 * in dnd.
 *
 *   PORT=3001 SESSION_SECRET=… DND_SERVERS=http://127.0.0.1:6001,… node app.js
 */
import { DndClient } from 'dnd-client'
import { sessionStore } from 'dnd-client/express-session'
import express from 'express'
import session from 'express-session'

const { PORT = '3001', SESSION_SECRET, DND_SERVERS = 'http://127.0.0.1:6001' } = process.env
if (SESSION_SECRET === undefined) {
  console.error('SESSION_SECRET is not set: it must be the same for all processes')
  process.exit(78)
}

const client = new DndClient({ server: DND_SERVERS.split(',') })
const app = express()

app.use(
  session({
    store: sessionStore(session.Store, { client }),
    secret: SESSION_SECRET,
    cookie: { maxAge: 30 * 60_000, sameSite: 'lax' },
    // Only what was changed is saved; what was not is touched.
    resave: false,
    saveUninitialized: false,
  }),
)
app.use(express.urlencoded({ extended: false }))

app.get('/', (request, response) => {
  const { user } = request.session
  if (user === undefined) {
    response.send('<form method="post" action="/login"><input name="user"><button>Log in</button>')
    return
  }
  request.session.views = (request.session.views ?? 0) + 1
  response.send(
    `<p>Hello ${escaped(user)}, view ${request.session.views}, by process ${process.pid}.</p>` +
      '<form method="post" action="/logout"><button>Log out</button></form>',
  )
})

app.post('/login', (request, response, next) => {
  const user = request.body?.user
  if (typeof user !== 'string' || user === '') {
    response.status(400).send('a user is wanted')
    return
  }
  // A new id at each login: nobody can have chosen it before.
  request.session.regenerate((error) => {
    if (error) return next(error)
    request.session.user = user
    // Saved before the redirect, which another process may serve.
    request.session.save((failed) => (failed ? next(failed) : response.redirect('/')))
  })
})

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.redirect('/')))
})

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address()
  console.log(`process ${process.pid} listens on http://127.0.0.1:${port}/`)
  process.send?.({ port })
})

process.on('SIGTERM', () => {
  server.close(() => client.close())
  server.closeIdleConnections()
})

function escaped(text) {
  return text.replaceAll(/[&<>"']/g, (each) => `&#${each.codePointAt(0)};`)
}
