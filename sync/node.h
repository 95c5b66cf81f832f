/* node.h: the client that a node holds, for a station's hub: what others wrote goes up by it, too.
 */
#ifndef HF_NODE_H
#define HF_NODE_H

#include "client.h"
#include "holdfast/edge.h"

hf_client *hf_edge_client(hf_edge *edge); /* as long as the edge lives */

#endif
