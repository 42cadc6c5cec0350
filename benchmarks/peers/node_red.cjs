// Node-RED's settings: no editor, and a pool of pg for the flow's function.
const pg = require('pg')

module.exports = {
  uiHost: '127.0.0.1',
  uiPort: Number(process.env.PORT),
  httpAdminRoot: false,
  flowFile: `${__dirname}/node_red_flow.json`,
  credentialSecret: false,
  logging: { console: { level: 'error' } },
  functionGlobalContext: { pool: new pg.Pool({ connectionString: process.env.DATABASE_URL }) }
}
