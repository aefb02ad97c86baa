// SPDX-License-Identifier: BSL-1.0
// OpenSSL over its own sockets: BIO_new_ssl_connect, blocking.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "row.hpp"

namespace legacy {
namespace {

struct release {
  void operator()(SSL_CTX* one) const { SSL_CTX_free(one); }
  void operator()(BIO* one) const { BIO_free_all(one); }
};
using connection = std::unique_ptr<BIO, release>;

std::string why(const char* what) {
  char text[256] = "";
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return std::string(what) + ": " + text;
}

// Made once; never freed, as OpenSSL's own exit handler comes first.
SSL_CTX* context = nullptr;

void initialise() {
  if (context != nullptr) return;
  context = SSL_CTX_new(TLS_client_method());
  require(context != nullptr, why("SSL_CTX_new"));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const std::string file = given("WEFT_LEGACY_FOLDER") + "/cert.pem";
  require(SSL_CTX_load_verify_locations(context, file.c_str(), nullptr) == 1, why("cert.pem"));
}

connection connected() {
  connection one(BIO_new_ssl_connect(context));
  require(one != nullptr, why("BIO_new_ssl_connect"));
  const std::string where = "127.0.0.1:" + given("WEFT_LEGACY_HTTPS");
  BIO_set_conn_hostname(one.get(), where.c_str());
  require(BIO_do_connect(one.get()) == 1, why("BIO_do_connect"));
  require(BIO_do_handshake(one.get()) == 1, why("BIO_do_handshake"));
  return one;
}

void ask(const connection& one, const std::string& path) {
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  require(BIO_write(one.get(), request.data(), static_cast<int>(request.size())) ==
              static_cast<int>(request.size()),
          why("BIO_write"));
}

void get(int index) {
  const connection one = connected();
  const std::string number = std::to_string(index);
  ask(one, "/slower?" + number);
  std::string all;
  char block[1024];
  int bytes = 0;
  while ((bytes = BIO_read(one.get(), block, sizeof block)) > 0) {
    all.append(block, static_cast<std::size_t>(bytes));
  }
  const std::string end = "\r\n\r\n" + number + "\n";
  require(all.size() > end.size() && all.compare(all.size() - end.size(), end.size(), end) == 0,
          "another client's answer: " + all);
}

class reading : public long_call {
 public:
  bool fails() override {
    ask(one_, "/never");
    SSL* tls = nullptr;
    BIO_get_ssl(one_.get(), &tls);
    char block[16];
    return SSL_read(tls, block, sizeof block) <= 0;
  }

 private:
  const connection one_ = connected();
};

}  // namespace

std::vector<row> openssl_rows() {
  return {{"OpenSSL BIO", "connect, handshake, GET after 0.5 s", 100, &get, &initialise,
           [] { return std::unique_ptr<long_call>(new reading); }, 2}};
}

}  // namespace legacy
