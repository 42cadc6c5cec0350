// A receiver as it is usually written with Fastify and pg. ANSWER=first: 200 at once, stored afterwards.
// OUTCOME=written: the row is marked as processed at the end, as those do that work a delivery off where they receive it.
import Fastify from 'fastify'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const app = Fastify({ bodyLimit: 10 * 1024 * 1024 })
const form = 'application/x-www-form-urlencoded'
app.addContentTypeParser(form, { parseAs: 'string' }, (request, body, done) => done(null, body))

async function store (request) {
  const stored = await pool.query(
    'INSERT INTO peer_deliveries (user_id, content_type, body) VALUES ($1, $2, $3) RETURNING id',
    [request.query.user_id, request.headers['content-type'], request.body]
  )
  if (process.env.OUTCOME === 'written') {
    await pool.query("UPDATE peer_deliveries SET status = 'success' WHERE id = $1", [stored.rows[0].id])
  }
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
