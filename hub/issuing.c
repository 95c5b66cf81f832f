/* issuing.c: what devices ask for that has a transaction of its own: certificates, numbers.
 *
 * Why not in the batch of what devices send: when a whole force comes back from a long outage all
 * of them ask. So many a turn, and in between the hub serves everyone else. */
#include "peer.h"

bool hf_issue_ask(hf_peer *peer, hf_issue issue)
{
    if (peer->issues[issue] != HF_ISSUING_NONE) return false;
    peer->issues[issue] = HF_ISSUING_ASKED;
    peer->hub->issues[issue]++;
    return true;
}

static void forget(hf_peer *peer, hf_issue issue)
{
    if (peer->issues[issue] == HF_ISSUING_ASKED) peer->hub->issues[issue]--;
    peer->issues[issue] = HF_ISSUING_NONE;
}

void hf_issues_forget(hf_peer *peer)
{
    for (int issue = 0; issue < HF_ISSUES; issue++) forget(peer, (hf_issue)issue);
}

bool hf_issues_wait(const hf_hub *hub)
{
    for (int issue = 0; issue < HF_ISSUES; issue++)
        if (hub->issues[issue] > 0) return true;
    return false;
}

static void settle(hf_hub *hub, hf_issue issue, bool committed)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (peer->issues[issue] != HF_ISSUING_STAGED) continue;
        peer->issues[issue] = committed ? HF_ISSUING_DUE : HF_ISSUING_ASKED;
        if (committed) hub->issues[issue]--;
        if (committed) hf_peer_wake(peer);
    }
}

hf_status hf_issue_turn(hf_hub *hub, hf_issue issue, size_t most, size_t entries_each,
                        hf_status (*answer)(hf_peer *peer, hf_batch *batch))
{
    if (hub->issues[issue] == 0) return HF_OK;
    hf_batch *batch;
    if (most > hub->issues[issue]) most = hub->issues[issue];
    hf_status status = hf_batch_begin_own(hub->store, hub->wall_ms, most * entries_each, &batch);
    if (status != HF_OK) return status;
    size_t count = 0;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next) {
        if (peer->issues[issue] != HF_ISSUING_ASKED || count == most) continue;
        if (!hf_session_live(&peer->session)) { /* revoked since it asked, perhaps */
            forget(peer, issue);
            continue;
        }
        peer->issues[issue] = HF_ISSUING_STAGED;
        status = answer(peer, batch);
        count++;
    }
    if (status == HF_OK)
        status = hf_batch_commit(batch);
    else
        hf_batch_rollback(batch);
    settle(hub, issue, status == HF_OK);
    return status;
}

bool hf_issue_due(hf_peer *peer, hf_issue issue)
{
    if (peer->issues[issue] != HF_ISSUING_DUE) return false;
    peer->issues[issue] = HF_ISSUING_NONE;
    return true;
}
