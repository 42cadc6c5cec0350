// A receiver as it is usually written with Fastify and pg. ANSWER=first: 200 at once, stored afterwards.
import Fastify from 'fastify'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const app = Fastify({ bodyLimit: 10 * 1024 * 1024 })
const form = 'application/x-www-form-urlencoded'
app.addContentTypeParser(form, { parseAs: 'string' }, (request, body, done) => done(null, body))

function store (request) {
  return pool.query(
    'INSERT INTO peer_deliveries (user_id, content_type, body) VALUES ($1, $2, $3)',
    [request.query.user_id, request.headers['content-type'], request.body]
  )
}

app.post('/', async (request) => {
  if (process.env.ANSWER === 'first') {
    store(request).catch((error) => console.error(error.message))
  } else {
    await store(request)
  }
  return { success: true }
})

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
