/** Answers of the API in a component: kept while they are asked for again, and never overtaken by an older one. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { listen } from "./feed";

export interface Fetched<T> {
  readonly data: T | null;
  readonly error: Error | null;
  readonly isLoading: boolean;
  /** Ask again; while an answer is on its way, once more after it. */
  reload(): void;
}

/**
 * Ask when the component comes, when *key* changes, and when something may have changed unseen.
 *
 * @param key Names what is asked for: an answer under another key is thrown away. `null` asks for nothing.
 */
export function useFetched<T>(key: string | null, load: (signal: AbortSignal, known: T | null) => Promise<T>): Fetched<T> {
  const [state, setState] = useState<{ key: string | null; data: T | null; error: Error | null; isLoading: boolean }>({
    key: null,
    data: null,
    error: null,
    isLoading: true,
  });
  const latest = useRef({ load, data: null as T | null, isBusy: false, isWanted: false, run: () => {} });
  latest.current.load = load;

  useEffect(() => {
    if (key === null) return undefined;
    const controller = new AbortController();
    const own = latest.current;
    own.data = null;
    own.isBusy = false;
    own.run = async () => {
      own.isBusy = true;
      own.isWanted = false;
      try {
        const data = await own.load(controller.signal, own.data);
        if (controller.signal.aborted) return;
        own.data = data;
        setState({ key, data, error: null, isLoading: false });
      } catch (error) {
        if (controller.signal.aborted) return;
        setState({ key, data: own.data, error: error as Error, isLoading: false });
      }
      own.isBusy = false;
      if (own.isWanted) own.run();
    };
    own.run();
    const stop = listen("resync", () => reload());
    return () => {
      controller.abort();
      stop();
    };
  }, [key]);

  const reload = useCallback(() => {
    if (latest.current.isBusy) latest.current.isWanted = true;
    else latest.current.run();
  }, []);
  const isCurrent = state.key === key;
  return {
    data: isCurrent ? state.data : null,
    error: isCurrent ? state.error : null,
    isLoading: !isCurrent || state.isLoading,
    reload,
  };
}
