// SPDX-License-Identifier: BSL-1.0
// Everything about descriptors, sockets and servers. Layer: io.
#pragma once

#include "weft/buffered.hpp"
#include "weft/descriptor.hpp"
#include "weft/endpoint.hpp"
#include "weft/file_descriptor.hpp"
#include "weft/io_slice.hpp"
#include "weft/local_socket.hpp"
#include "weft/pipe.hpp"
#include "weft/readiness.hpp"
#include "weft/resolve.hpp"
#include "weft/serve.hpp"
#include "weft/signal_set.hpp"
#include "weft/socket.hpp"
#include "weft/standard_streams.hpp"
#include "weft/tcp.hpp"
#include "weft/udp.hpp"
