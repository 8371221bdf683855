# frozen_string_literal: true

require_relative "helper"
require "openssl"

# https: certificates, and connections that are kept.
class ClientTlsTest < Minitest::Test
  include Scripting

  # The certificate of the scenarios, which holds for 127.0.0.1 and localhost.
  FOLDER = File.expand_path("../../../spec/http/tls", __dir__)
  CA = Dir[File.join(FOLDER, "*.pem")].find { |file| File.read(file).include?("CERTIFICATE") && File.basename(file).match?(/ca|authority/i) }

  def setup
    context = OpenSSL::SSL::SSLContext.new
    made = Dir[File.join(FOLDER, "*.pem")].map { |file| File.read(file) }
    keys = made.filter_map { |text| OpenSSL::PKey.read(text) if text.include?("PRIVATE KEY") }
    certificates = made.flat_map { |text| text.scan(/-----BEGIN CERT.*?-----END CERTIFICATE-----/m) }.map { |text| OpenSSL::X509::Certificate.new(text) }
    context.cert, context.key = certificates.product(keys).find { |one, key| one.subject != one.issuer && one.check_private_key(key) }
    tcp = TCPServer.new("127.0.0.1", 0)
    @port = tcp.addr[1]
    @connections = 0
    @listener = OpenSSL::SSL::SSLServer.new(tcp, context)
    @thread = Thread.new { loop { accept } }
  end

  def teardown
    @thread.kill.join
    @listener.close
    super
  end

  def accept
    socket = @listener.accept
    @connections += 1
    Thread.new do
      while (line = socket.gets) && line.start_with?("GET")
        nil until socket.gets == "\r\n"
        socket.write(line.include?("/leave") ? "HTTP/1.1 303 x\r\nLocation: http://127.0.0.1:#{@port}/\r\nContent-Length: 0\r\n\r\n" : Scripted.ok(7))
      end
      socket.close
    rescue IOError, SystemCallError, OpenSSL::SSL::SSLError
      nil
    end
  rescue OpenSSL::SSL::SSLError
    retry
  end

  def test_a_known_certificate
    made = client(ca: CA)
    3.times { assert_equal 7, made.get("https://127.0.0.1:#{@port}/") }
    assert_equal 1, @connections
    assert_equal 7, made.get("https://localhost:#{@port}/")
    assert_equal 2, @connections
  end

  def test_an_unknown_certificate_or_another_name
    error = assert_raises(Client::TransportError) { client.get("https://127.0.0.1:#{@port}/") }
    assert_equal :not_done, error.outcome
    target = Hyperglyph::HTTP::URL.target("https://other.example:#{@port}/")
    store = OpenSSL::X509::Store.new.tap { |made| made.add_file(CA) }
    error = assert_raises(Client::TransportError) do
      Client::Connection.connect(target, "127.0.0.1", Hyperglyph::HTTP::Deadline.new(5), store)
    end
    assert_match(/verify|hostname|match/i, error.message)
  end

  def test_no_way_back_to_http
    error = assert_raises(Client::StatusError) { client(ca: CA).get("https://127.0.0.1:#{@port}/leave") }
    assert_equal 303, error.status
    assert_match(/https may not lead to http/, error.message)
  end
end
