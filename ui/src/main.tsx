/** The page of the DevTools. */

import { render } from "preact";
import { useEffect } from "preact/hooks";
import { Dialogs } from "./actions/dialogs";
import { follow } from "./api/feed";
import { followMeta } from "./api/meta";
import { listenToKeys } from "./parts/keyboard";
import { followAddress, place, view } from "./parts/place";
import { Help, Notices, SignIn, TopBar } from "./parts/shell";
import { ActionsView } from "./views/actions_view";
import { GraphView } from "./views/graph_view";
import { HealthView } from "./views/health_view";
import { NeuronView } from "./views/neuron_view";
import { NeuronsView } from "./views/neurons_view";
import { RunView } from "./views/run_view";
import { RunsView } from "./views/runs_view";
import { StimulateView } from "./views/stimulate_view";

function Page() {
  return (
    <>
      <TopBar />
      <Notices />
      <main id="main" tabIndex={-1}>
        <View />
      </main>
      <Dialogs />
      <Help />
      <SignIn />
    </>
  );
}

function View() {
  const ref = place.value.path[1];
  useTitle(ref === undefined ? view.value : `${view.value.replace(/s$/, "")} ${ref}`);
  if (view.value === "runs") return ref === undefined ? <RunsView /> : <RunView key={ref} runRef={ref} />;
  if (view.value === "graph") return <GraphView />;
  if (view.value === "neurons") return ref === undefined ? <NeuronsView /> : <NeuronView key={ref} neuronRef={ref} />;
  if (view.value === "stimulate") return <StimulateView key={ref} collateralRef={ref ?? null} />;
  if (view.value === "actions") return <ActionsView />;
  if (view.value === "health") return <HealthView />;
  return (
    <div class="empty">
      <h1>There is nothing here</h1>
      <p>
        <a href="#/runs">Go to the runs</a>
      </p>
    </div>
  );
}

function useTitle(what: string): void {
  useEffect(() => {
    document.title = `${what.charAt(0).toUpperCase()}${what.slice(1)} · CNStra DevTools`;
  }, [what]);
}

followAddress();
listenToKeys();
follow();
followMeta();
render(<Page />, document.getElementById("page")!);
