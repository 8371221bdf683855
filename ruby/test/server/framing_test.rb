# frozen_string_literal: true

require_relative "helper"

# Where requests end, and what is refused before Puma sees it.
class TestFraming < Minitest::Test
  include Served

  Framing = Hyperglyph::Server::Framing
  HOST = "Host: 127.0.0.1\r\n"
  TYPED = "#{HOST}Content-Type: application/vnd.hyperglyph\r\n"

  GOOD = {
    "GET / HTTP/1.1\r\n#{HOST}\r\n" => "",
    "GET http://127.0.0.1/a?b%20c HTTP/1.0\r\nx:\r\ny: \t a b \t\r\n\r\n" => "",
    "POST /count HTTP/1.1\r\n#{TYPED}Content-Length: 2\r\n\r\n" => "O;",
    "POST /count HTTP/1.1\r\n#{TYPED}content-length: 0\r\n\r\n" => "",
    "POST /count HTTP/1.1\r\n#{TYPED}Transfer-Encoding: CHUNKED\r\n\r\n" => "1;a=b\r\nO\r\n01;c\r\n;\r\n000\r\nX: y\r\n\r\n"
  }.freeze

  BAD = {
    400 => [
      "nonsense\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET a HTTP/1.1\r\n\r\n",
      "GET /\x00 HTTP/1.1\r\n\r\n", "GET /\xff HTTP/1.1\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\n\r\n", "\r\nGET / HTTP/1.1\r\n\r\n",
      "GET http:///%x HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\r\nX: a\nY: b\r\n\r\n",
      "GET / HTTP/1.1\r\nX: a\rY: b\r\n\r\n", "GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nX : a\r\n\r\n", "GET / HTTP/1.1\r\n: a\r\n\r\n", "GET / HTTP/1.1\r\nnonsense\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: \r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
      *["-1\r\n", "+1\r\n", "0x1\r\n", "g\r\n", "\r\n", " 1\r\n", "1 \r\n", "1\n", "1\r\nab\r\n", "1\r\na\n", "FFFFFFFFFFFFFFFF\r\n", "1;\x00\r\n",
        "1;#{'a' * 300}\r\n", "0\r\nnonsense\r\n\r\n", "0\r\n a\r\n\r\n"].map do |chunk|
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n#{chunk}"
      end
    ],
    405 => ["get / HTTP/1.1\r\n\r\n", "#{'A' * 40} / HTTP/1.1\r\n\r\n", "G3T / HTTP/1.1\r\n\r\n"],
    413 => ["POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: #{'9' * 30}\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n#{'a' * 1000}\r\n1\r\n"],
    414 => ["GET /#{'a' * 4_000} HTTP/1.1\r\n\r\n", "GET /#{'a' * 5_000}"],
    431 => ["GET / HTTP/1.1\r\nX: #{'a' * 70_000}", "GET / HTTP/1.1\r\n#{'a' * 300}: b\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: #{'a' * 10_000}\r\n\r\n"],
    501 => ["POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n"]
  }.freeze

  def framing
    Framing.new(max_body: 1_000, max_url: 4_000)
  end

  # The lengths of the messages that are found in octets which come in pieces of this size.
  def ends(octets, size)
    framing = self.framing
    found = []
    from = 0
    begun = 0
    while from < octets.bytesize
      piece = octets.byteslice(from, size)
      taken, = framing.take(piece)
      from += taken
      if taken < piece.bytesize || framing.instance_variable_get(:@state) == :head && framing.instance_variable_get(:@line).empty?
        found << (from - begun)
        begun = from
      end
    end
    found
  end

  def test_messages_end_where_they_end_however_they_are_cut
    messages = GOOD.map { |head, body| (head + body).b }
    octets = messages.join
    [1, 2, 3, 7, 100, octets.bytesize].each { |size| assert_equal messages.map(&:bytesize), ends(octets, size), size }
  end

  def test_what_is_wrong_is_refused_however_it_is_cut
    BAD.each do |status, all|
      all.each do |octets|
        octets = octets.b
        [octets.bytesize, 1, 3].each do |size|
          next if size < 4 && octets.bytesize > 20_000

          error = assert_raises(Hyperglyph::Server::Refusal, octets[0, 80].inspect) { ends(octets, size) }
          assert_equal status, error.status, octets[0, 80].inspect
        end
      end
    end
  end

  def count_service
    @count = 0
    serve(max_body: 1_000) { |router| router.add(-> { @count += 1 }, name: "count") }
  end

  def test_puma_never_sees_what_is_wrong
    count_service
    BAD.each do |status, all|
      all.each do |octets|
        octets = octets.b.sub(%r{\APOST / HTTP/1\.1\r\n}n, "POST /count HTTP/1.1\r\n#{TYPED}".b)
        answer = raw(octets) { |socket| socket.close_write }
        assert_match(%r{\AHTTP/1\.1 #{status} [A-Z]}, answer, octets[0, 80].inspect)
        head, body = answer.split("\r\n\r\n", 2)
        assert_match(/^connection: close\r?$/, head)
        assert_equal "error", Hyperglyph.load(body).name
      end
    end
    assert_equal 0, @count
    assert_equal 1, post("/count").value
  end

  def test_messages_one_after_another_on_one_connection
    count_service
    octets = GOOD.to_a.values_at(0, 2, 4, 2).flatten.join
    socket = TCPSocket.new("127.0.0.1", @server.port)
    socket.write(octets)
    answer = +""
    answer << socket.readpartial(65_536) until answer.scan(/i\d;\z|i\d;(?=HTTP)/).size == 3
    assert_equal %w[i1; i2; i3;], answer.scan(/\r\n\r\n(i\d;)/).flatten
    socket.write("GET / HTTP/1.1\r\nHost : x\r\n\r\n")
    assert_match(%r{\AHTTP/1\.1 400}, socket.readpartial(65_536))
    assert_nil socket.read(1)
  ensure
    socket&.close
  end

  def test_octet_by_octet
    count_service
    head, body = GOOD.to_a[4]
    answer = raw("") do |socket|
      socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      head.sub("\r\n\r\n", "\r\nConnection: close\r\n\r\n").concat(body).each_char { |octet| socket.write(octet) }
    end
    assert_match(/\AHTTP\/1\.1 200.*\r\n\r\ni1;\z/m, answer)
  end

  def test_a_body_that_ends_early_is_not_executed
    count_service
    ["Content-Length: 3\r\n\r\nO;", "Transfer-Encoding: chunked\r\n\r\n2\r\nO;\r\n", "Transfer-Encoding: chunked\r\n\r\n3\r\nO;"].each do |rest|
      assert_equal "", raw("POST /count HTTP/1.1\r\n#{TYPED}#{rest}", &:close_write)
    end
    assert_equal 0, @count
  end

  def test_a_large_body_is_refused_before_it_is_asked_for
    count_service
    answer = raw("POST /count HTTP/1.1\r\n#{TYPED}Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
    assert_match(%r{\AHTTP/1\.1 413}, answer)
    assert_match(%r{\AHTTP/1\.1 100}, raw("POST /count HTTP/1.1\r\n#{TYPED}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n") do |socket|
      assert socket.wait_readable(5)
      socket.write("O;")
      socket.close_write
    end)
  end

  def test_every_version_of_http_1
    count_service
    assert_match(%r{\AHTTP/1\.[01] 200.*u4:root}m, raw("GET / HTTP/1.0\r\n#{HOST}\r\n") { |socket| socket })
    assert_match(%r{\AHTTP/1\.[01] 400}, raw("GET / HTTP/1.0\r\n\r\n"))
    assert_match(%r{\AHTTP/1\.1 400}, raw("GET / HTTP/1.1\r\n\r\n"))
    assert_match(%r{\AHTTP/1\.1 200}, raw("GET http://127.0.0.1/ HTTP/1.1\r\n#{HOST}\r\n"))
    assert_match(%r{\AHTTP/1\.1 40[45]}, raw("OPTIONS * HTTP/1.1\r\n#{HOST}\r\n"))
  end
end
