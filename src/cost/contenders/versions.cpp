// SPDX-License-Identifier: BSL-1.0
// See versions.hpp.
#include "versions.hpp"

#if __has_include(<boost/version.hpp>)
#include <boost/version.hpp>
#endif
#if COST_HAVE_LIBUV
#include <uv/version.h>
#endif
#if COST_HAVE_ASIO
#include <asio/version.hpp>
#endif

#define COST_TEXT_OF(x) #x
#define COST_TEXT(x) COST_TEXT_OF(x)

namespace cost {

const char* peer_boost_version() {
#ifdef BOOST_LIB_VERSION
  return BOOST_LIB_VERSION;
#else
  return "none";
#endif
}

const char* peer_libuv_version() {
#if COST_HAVE_LIBUV
  return COST_TEXT(UV_VERSION_MAJOR) "." COST_TEXT(UV_VERSION_MINOR) "." COST_TEXT(UV_VERSION_PATCH);
#else
  return "none";
#endif
}

const char* peer_asio_version() {
#if COST_HAVE_ASIO
  return COST_TEXT(ASIO_VERSION);
#else
  return "none";
#endif
}

}  // namespace cost
