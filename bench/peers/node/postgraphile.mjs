// PostGraphile as its documentation shows it: the role and the user of each request are settings of its transaction.
// It writes its own SQL for the summary. Step 2 is saved by a function that the benchmark adds to its own database.
import { createServer } from "node:http";
import { grafserv } from "grafserv/node";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { database, userOf } from "./work.mjs";

const { max, ...connection } = database();
const preset = {
  extends: [PostGraphileAmberPreset],
  disablePlugins: ["PgIndexBehaviorsPlugin"], // order by a column that is the second one of its index
  pgServices: [makePgService({ poolConfig: { ...connection, max }, schemas: ["public", "bench_peer"], pubsub: false })],
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false },
  grafast: {
    context({ node }) {
      const user = userOf(node?.req.headers.authorization);
      return { pgSettings: { role: "onboarding_app", "app.user_id": user } };
    },
  },
};

const server = createServer();
const service = postgraphile(preset).createServ(grafserv);
await service.addTo(server);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
