// SPDX-License-Identifier: BSL-1.0
// libcurl, its easy interface.
#include <curl/curl.h>

#include "row.hpp"

namespace legacy {
namespace {

struct cleanup {
  void operator()(CURL* one) const { curl_easy_cleanup(one); }
};
using handle = std::unique_ptr<CURL, cleanup>;

std::size_t append(char* from, std::size_t size, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(from, size * count);
  return size * count;
}

void initialise() { curl_global_init(CURL_GLOBAL_DEFAULT); }

handle made(const std::string& url, std::string& answer) {
  handle one(curl_easy_init());
  require(one != nullptr, "curl_easy_init");
  curl_easy_setopt(one.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(one.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(one.get(), CURLOPT_CAINFO, (given("WEFT_LEGACY_FOLDER") + "/cert.pem").c_str());
  curl_easy_setopt(one.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(one.get(), CURLOPT_WRITEDATA, &answer);
  return one;
}

void get(const std::string& url, const std::string& expected) {
  std::string answer;
  const handle one = made(url, answer);
  const CURLcode end = curl_easy_perform(one.get());
  require(end == CURLE_OK, curl_easy_strerror(end));
  require(answer == expected, "another client's answer: " + answer);
}

std::string http() { return "http://127.0.0.1:" + given("WEFT_LEGACY_HTTP"); }

void get_slowly(int index) {
  const std::string number = std::to_string(index);
  get(http() + "/slow?" + number, number + "\n");
}

// By a name that it must look up, so that libcurl starts a thread for each; it knows localhost
// itself. Each handle sets up an SSL_CTX and computes for some milliseconds without a wait: a
// hundred of them in one turn would hold up everybody else on the thread for that long, so they
// come one after another.
void get_encrypted(int index) {
  const std::string number = std::to_string(index);
  const char* const host = std::getenv("WEFT_LEGACY_DNS") != nullptr ? "web.test" : "localhost";
  get(std::string("https://") + host + ":" + given("WEFT_LEGACY_HTTPS") + "/slower?" + number,
      number + "\n");
}

class getting : public long_call {
 public:
  bool fails() override { return curl_easy_perform(one_.get()) != CURLE_OK; }

 private:
  std::string answer_;
  const handle one_ = made(http() + "/never", answer_);
};

}  // namespace

std::vector<row> curl_rows() {
  return {
      {"libcurl http", "GET, answered after 0.2 s", 200, &get_slowly, &initialise,
       [] { return std::unique_ptr<long_call>(new getting); }},
      {"libcurl https", "a slow lookup, handshake, GET after 0.5 s", 100, &get_encrypted,
       &initialise, nullptr, 4},
  };
}

}  // namespace legacy
