// SPDX-License-Identifier: BSL-1.0
// Of the peers that this program was compiled with; "none" where there is none.
#pragma once

namespace cost {

const char* peer_boost_version();
const char* peer_libuv_version();
const char* peer_asio_version();

}  // namespace cost
