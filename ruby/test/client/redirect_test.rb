# frozen_string_literal: true

require_relative "helper"

# Redirects, origins, credentials, statuses.
class ClientRedirectTest < Minitest::Test
  include Scripting

  def to(location, status = 303)
    "HTTP/1.1 #{status} See\r\nLocation: #{location}\r\nContent-Length: 0\r\n\r\n".b
  end

  def told(server, name)
    server.asked.map { |request| request.headers[name] }
  end

  def test_credentials_are_for_the_first_origin_and_those_that_are_listed
    listed = pages("/x" => 1)
    own = pages("/x" => 2)
    other = pages("/x" => 3)
    first = pages("/" => [listed, own, other].map { |server| link(server.url("/x")) })
    made = client(authorization: "Bearer a", origins: [listed.origin], headers: { "X-Key" => "k", "User-Agent" => "me", "Accept" => "text/plain" },
                  credentials: { own.origin => { "Authorization" => "Bearer b" } })
    assert_equal [1, 2, 3], made.get(first.url).map(&:call)
    assert_equal ["Bearer a"], told(first, "authorization")
    assert_equal [["Bearer a"], ["Bearer b"], [nil]], [listed, own, other].map { |server| told(server, "authorization") }
    assert_equal [["k"], [nil], [nil]], [listed, own, other].map { |server| told(server, "x-key") }
    assert_equal [["me"], ["me"], ["me"]], [listed, own, other].map { |server| told(server, "user-agent") }
    assert_equal ["text/plain"], told(other, "accept")
    made.get(other.url("/x"))
    assert_equal [nil, nil], told(other, "authorization")
  end

  def test_options_that_cannot_be
    [{ origins: ["example.org"] }, { origins: ["ftp://a"] }, { headers: { "Host" => "x" } }, { headers: { "A b" => "x" } }, { headers: { "A" => "x\r\ny" } },
     { headers: { "Content-Length" => "1" } }, { authorization: "a\nb" }, { credentials: { "x" => {} } }, { timeout: 0 }, { timeout: "1" },
     { timeout: -1 }].each do |options|
      assert_raises(ArgumentError, options.inspect) { Client.new(**options) }
    end
  end

  def test_a_body_goes_to_no_other_origin
    other = pages("/there" => ->(request) { request.body.dup.force_encoding("UTF-8") })
    server = pages("/" => form("go", "a"), "/go" => to(other.url("/there"), 307))
    error = assert_raises(Client::StatusError) { client.get(server.url).call(1) }
    assert_equal [307, :not_done], [error.status, error.outcome]
    assert_empty other.asked
    assert_equal "Ou1:a;i1;;", client(origins: [other.origin]).get(server.url).call(1)
  end

  def test_a_stream_cannot_be_sent_again
    server = pages("/" => form("go", "file", envelope: "blob"), "/go" => to("/there", 308), "/there" => ->(request) { request.body.dup.force_encoding("UTF-8") })
    reader, writer = IO.pipe
    writer.write("abc")
    writer.close
    error = assert_raises(Client::StatusError) { client.get(server.url).call(Hyperglyph::Blob.new(reader, content_type: "a/b")) }
    assert_equal 308, error.status
    assert_equal "abc", client.get(server.url).call(Hyperglyph::Blob.new(StringIO.new("abc"), content_type: "a/b"))
  end

  def test_outcomes_behind_redirects
    server = pages("/" => [form("done"), form("moved"), form("nowhere")], "/done" => to("/fails"), "/moved" => to("/fails", 307),
                   "/nowhere" => to("ftp://x/"), "/fails" => ->(_) { Scripted.ok("x", status: 500) })
    forms = client.get(server.url)
    outcomes = forms.map { |one| assert_raises(Client::StatusError) { one.call }.outcome }
    assert_equal %i[done unknown done], outcomes
  end

  def test_a_page_cannot_lead_from_a_public_address
    # 93.184.215.14 is not connected to: an adapter answers in its place.
    adapter = Object.new
    asked = []
    adapter.define_singleton_method(:call) do |request|
      asked << [request.target.host, request.permit?("127.0.0.1"), request.permit?("8.8.8.8")]
      body = Object.new
      def body.read(_) = nil
      def body.drain(*) = nil
      def body.close = nil
      fields = { "location" => [request.target.path == "/" ? "/b" : "http://169.254.169.254/"] }
      Client::Response.new(302, fields, body, address: "93.184.215.14")
    end
    error = assert_raises(Client::StatusError) { client(adapter: adapter).get("http://93.184.215.14/") }
    assert_equal 302, error.status
    assert_equal [["93.184.215.14", true, true], ["93.184.215.14", false, true]], asked
  end

  def test_a_rule_of_the_user_for_addresses
    server = pages("/" => link("x"), "/x" => 1)
    asked = []
    rule = ->(address) { asked << address and false }
    made = client(addresses: rule)
    found = made.get(server.url) # what the user asks for is not judged
    assert_equal :not_done, assert_raises(Client::Refused) { found.call }.outcome
    assert_equal ["127.0.0.1"], asked.uniq
    assert_equal ["/"], server.asked.map(&:path)
    assert_equal 1, client(addresses: ->(_) { true }).get(server.url).call
  end

  def test_errors_tell_what_the_server_said
    server = pages("/a" => Scripted.ok(Hyperglyph::Extension.new("error", { message: "no\e[2Jw\n", logref: "l1", code: "x" }, { "l" => link("more") }), status: 409),
                   "/b" => Scripted.ok("<html><title>Bad &amp; <script>x()</script>gone\0</title>".b, status: 502, type: "text/html"),
                   "/c" => Scripted.ok(("y" * 2000).b, status: 404, type: "text/plain"), "/more" => 7)
    error = assert_raises(Client::RequestError) { client.get(server.url("/a")) }
    assert_equal [409, "no\e[2Jw\n", "l1", "x"], [error.status, error.reason, error.logref, error.code]
    assert_equal "status 409, no [2Jw , logref l1", error.message
    assert_equal 7, error.content["l"].call
    assert_equal "Bad & gone", assert_raises(Client::ServerError) { client.get(server.url("/b")) }.reason
    assert_equal "y" * 500, assert_raises(Client::RequestError) { client.get(server.url("/c")) }.reason
  end

  def test_links_ask_conditionally_and_give_what_they_hold
    same = link("it/", { "l" => link("x") }, etag: '"v1"', last_modified: Time.utc(2012))
    server = pages("/" => same, "/it/" => "HTTP/1.1 304 Not Modified\r\n\r\n".b, "/it/x" => 7)
    assert_equal 7, client.get(server.url).call["l"].call
    asked = server.asked[1].headers
    assert_equal ['"v1"', "Sun, 01 Jan 2012 00:00:00 GMT"], asked.values_at("if-none-match", "if-modified-since")
  end

  def test_methods_may_go_as_post
    server = pages("/" => form("it", "text", method: "PUT", envelope: "form"), "/it" => ->(request) { [request.method, request.headers["method"]] })
    assert_equal ["PUT", nil], client.get(server.url).call("x")
    assert_equal %w[POST PUT], client(method_override: true).get(server.url).call("x")
  end
end
